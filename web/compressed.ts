import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const SMALLEST = 1000;

/** Writes each file once more as `.br` and `.gz`, so that no request has to compress it. */
export function compress(folder: string): void {
  for (const one of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, one.name);
    if (one.isDirectory()) compress(path);
    else if (/\.(js|css|html|svg|wasm|json)$/.test(one.name)) {
      const data = readFileSync(path);
      if (data.length < SMALLEST) continue;
      writeFileSync(`${path}.br`, brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
      writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }));
    }
  }
}
