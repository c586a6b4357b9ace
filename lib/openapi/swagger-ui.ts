import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { isBuiltOnVercel } from '#lib/config/env'

/** The files that the reference page loads. */
export const swaggerUiFiles = ['swagger-ui.css', 'swagger-ui-bundle.js']

/** Where Vercel's function has them, compressed to a fifth. Its build writes them there. */
export const compressedFolder = '.data/reference'

/** The text of a file of Swagger UI. */
export async function swaggerUiFile(name: string): Promise<string> {
  if (!isBuiltOnVercel) return await readFile(join(await packageFolder(), name), 'utf8')
  // The comment keeps Next from taking along every file that such a path could name.
  const path = join(/* turbopackIgnore: true */ process.cwd(), compressedFolder, `${name}.br`)
  return String(await promisify(brotliDecompress)(await readFile(path)))
}

/** Where the package is. It is loaded by the first who asks: most processes never show the page. */
export async function packageFolder(): Promise<string> {
  const { default: folderOfSwaggerUi } = await import('swagger-ui-dist/absolute-path.js')
  return folderOfSwaggerUi()
}
