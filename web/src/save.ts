/** Having the browser keep a file. */

/** One that the API answers with, from its path. */
export function keepFile(path: string): void {
  follow(`/api/v1${path}`, "");
}

/** One that the page has already. */
export function save(what: Blob, name: string): void {
  const address = URL.createObjectURL(what);
  follow(address, name.replace(/[^\w.-]+/g, "-"));
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function follow(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}
