import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { isBuiltOnVercel } from '#lib/config/env'

/** The files that the reference page loads. */
export const swaggerUiFiles = ['swagger-ui.css', 'swagger-ui-bundle.js']

/** Where Vercel's build writes these files for its function, compressed to a fifth. */
export const compressedFolder = '.data/reference'

const files = new Map<string, Promise<Buffer<ArrayBuffer>>>()

/**
 * A file of Swagger UI, read once: requests share its bytes. They need no credentials, and a thousand
 * at once with bytes of their own would take all the memory there is.
 */
export function swaggerUiFile(name: string): Promise<Buffer<ArrayBuffer>> {
  const known = files.get(name)
  if (known !== undefined) return known
  const file = read(name)
  files.set(name, file)
  file.catch(() => files.delete(name))
  return file
}

async function read(name: string): Promise<Buffer<ArrayBuffer>> {
  if (!isBuiltOnVercel) return await readFile(join(await packageFolder(), name))
  // Without the comment Next would add every file that this path could name to the function.
  const path = join(/* turbopackIgnore: true */ process.cwd(), compressedFolder, `${name}.br`)
  return await promisify(brotliDecompress)(await readFile(path))
}

/** The folder of the package. It is imported on first use: most processes never show the page. */
export async function packageFolder(): Promise<string> {
  const { default: folderOfSwaggerUi } = await import('swagger-ui-dist/absolute-path.js')
  return folderOfSwaggerUi()
}
