import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const guideVariants = ['', 'with a route of your own', 'with the session cookie']

const block = /^```[jt]s title="([^"]+)"\n(.*?)^```$/gms
const tsconfig = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2022', 'dom', 'dom.iterable'],
    module: 'esnext',
    moduleResolution: 'bundler',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: ['../../../node_modules/@types'],
    paths: { '@/*': ['./*'] },
  },
  include: ['**/*.ts', '**/*.mts'],
}

/**
 * Writes the frontend of `docs/frontend.md`: what it says to copy, and each code block as the file that
 * its title names.
 *
 * @param variant takes the blocks with this remark in their title in place of the plain ones
 * @param root where two files of tests write it at the same time, each has its own
 * @returns the folder
 */
export function writeGuide(variant = '', root = 'guide'): string {
  const folder = join(process.cwd(), '.data', root, variant.replaceAll(' ', '-') || 'plain')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  cpSync('examples/frontend', folder, { recursive: true })
  for (const [, title = '', code = ''] of readFileSync('docs/frontend.md', 'utf8').matchAll(
    block,
  )) {
    const [path = '', remark = ''] = title.split(', ')
    if (remark !== '' && remark !== variant) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), code)
  }
  return folder
}

/** The block of code in the guide that has this text. */
export function guideBlock(having: string): string {
  const guide = readFileSync('docs/frontend.md', 'utf8')
  for (const [, code = ''] of guide.matchAll(/^```\w*[^\n]*\n(.*?)^```$/gms)) {
    if (code.includes(having)) return code
  }
  throw new Error(`The guide has no code with ${having}.`)
}
