// Pictures that are to be sent with words: held by the page until then, and made small enough for one request.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

export const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const MOST = 8; // as the server takes
const MOST_BYTES = 2_600_000; // all together: in base64, with the words, they must fit into a request of 4 MiB
const LARGE = 700_000; // bytes from which a picture is drawn smaller, as models see no more of it
const SIDE = 2000; // pixels

export interface One {
  id: number;
  name: string;
  size: number;
  /** Of the browser's own, for showing it. */
  address: string;
  /** In base64. */
  data: string;
}

export interface Attached {
  all: readonly One[];
  error: string;
  /** Some are being read still: what would be sent now would lack them. */
  reading: boolean;
  /** As the API takes them. */
  images: { data: string }[];
  /** Changes with what is attached. */
  name: string;
  add: (files: Iterable<File>) => void;
  remove: (id: number) => void;
  clear: () => void;
  /** Files are being dragged over it. */
  over: boolean;
  /** For the form around: a paste or a drop of files attaches them, of anything else is not touched. */
  handlers: Handlers;
}

interface Handlers {
  onPaste: (event: ClipboardEvent) => void;
  onDragOver: (event: DragEvent) => void;
  onDragLeave: (event: DragEvent) => void;
  onDrop: (event: DragEvent) => void;
}

export function useAttached(): Attached {
  const [all, setAll] = useState<readonly One[]>([]);
  const [error, setError] = useState("");
  const [under, setUnder] = useState(0);
  const now = useRef(all);
  const set = (next: readonly One[]) => {
    for (const one of now.current) if (!next.includes(one)) URL.revokeObjectURL(one.address);
    now.current = next;
    setAll(next);
  };
  useEffect(() => () => now.current.forEach((one) => URL.revokeObjectURL(one.address)), []);
  const add = async (files: Iterable<File>) => {
    const wrong: string[] = [];
    setError("");
    setUnder((count) => count + 1);
    for (const file of files) {
      try {
        const one = await read(file);
        const why = room(now.current, one);
        if (why) URL.revokeObjectURL(one.address);
        else set([...now.current, one]);
        if (why) wrong.push(why);
      } catch (failed) {
        wrong.push(failed instanceof Error ? failed.message : String(failed));
      }
    }
    setError(wrong.join("; "));
    setUnder((count) => count - 1);
  };
  const [over, handlers] = useHandlers((files) => void add(files));
  const images = useMemo(() => all.map(({ data }) => ({ data })), [all]);
  return {
    all,
    error,
    reading: under > 0,
    images,
    name: all.map((one) => one.id).join(),
    add: (files) => void add([...files]),
    remove: (id) => (setError(""), set(now.current.filter((one) => one.id !== id))),
    clear: () => (setError(""), set([])),
    over,
    handlers,
  };
}

const hasFiles = (event: DragEvent) => Boolean(event.dataTransfer?.types.includes("Files"));

/** What comes by paste and drop. Files that are dropped beside it do nothing: the browser would leave the page for them. */
function useHandlers(add: (files: File[]) => void): [boolean, Handlers] {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const nothing = (event: DragEvent) => hasFiles(event) && event.preventDefault();
    window.addEventListener("dragover", nothing);
    window.addEventListener("drop", nothing);
    return () => {
      window.removeEventListener("dragover", nothing);
      window.removeEventListener("drop", nothing);
    };
  }, []);
  const attach = (files: FileList | undefined, event: Event) => {
    if (!files?.length) return;
    event.preventDefault();
    add([...files]);
  };
  const leaves = ({ currentTarget: form, relatedTarget: to }: DragEvent) =>
    !(form instanceof Node && to instanceof Node && form.contains(to));
  return [
    over,
    {
      onPaste: (event) => attach(event.clipboardData?.files, event),
      onDragOver: (event) => hasFiles(event) && (event.preventDefault(), setOver(true)),
      onDragLeave: (event) => leaves(event) && setOver(false),
      onDrop: (event) => (setOver(false), attach(event.dataTransfer?.files, event)),
    },
  ];
}

let last = 0;

async function read(file: File): Promise<One> {
  if (!PICTURES.includes(file.type)) throw new Error(`${file.name} is no PNG, JPEG, GIF or WebP`);
  const drawn = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} cannot be read as a picture`);
  });
  const made = file.size > LARGE && file.type !== "image/gif" ? await smaller(file, drawn) : file;
  drawn.close();
  if (made.size > MOST_BYTES) throw new Error(`${file.name} is too large to be sent`);
  const data = await base64(made);
  return { id: ++last, name: file.name, size: made.size, address: URL.createObjectURL(made), data };
}

function room(there: readonly One[], one: One): string {
  if (there.length >= MOST) return `${MOST} pictures are the most: ${one.name} was left out`;
  const whole = there.reduce((sum, { size }) => sum + size, one.size);
  return whole > MOST_BYTES ? `together they are too large to be sent: ${one.name} was left out` : "";
}

/** Drawn anew, where that makes it smaller. */
async function smaller(file: File, drawn: ImageBitmap): Promise<Blob> {
  const scale = Math.min(1, SIDE / Math.max(drawn.width, drawn.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(drawn.width * scale));
  canvas.height = Math.max(1, Math.round(drawn.height * scale));
  const context = canvas.getContext("2d");
  if (!context) return file;
  context.fillStyle = "#fff"; // a JPEG has nothing to see through
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  const made = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.88));
  return made && made.size < file.size ? made : file;
}

function base64(blob: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => failed(new Error("the picture cannot be read"));
    reader.readAsDataURL(blob);
  });
}
