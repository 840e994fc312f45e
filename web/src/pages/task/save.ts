// Having the browser save something.
export function save(what: Blob, name: string): void {
  const link = document.createElement("a");
  const address = URL.createObjectURL(what);
  link.href = address;
  link.download = name.replace(/[^\w.-]+/g, "-");
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
