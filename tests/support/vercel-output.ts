import {
  copyFileSync,
  cpSync,
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** A function of the output of Vercel's builder. */
export interface VercelFunction {
  /** Such as `_middleware`. */
  readonly name: string
  /** What is deployed: the path in the function, and where the file is now. */
  readonly files: ReadonlyMap<string, string>
  readonly bytes: number
}

/** The functions of the build in a folder. Most routes are links to one of them. */
export function vercelFunctions(folder: string): VercelFunction[] {
  const functions = join(folder, '.vercel/output/functions')
  const configs = globSync('**/*.func/.vc-config.json', { cwd: functions }).sort()
  return configs.map((config) => {
    const files = new Map([
      ...filesNamed(folder, join(functions, config)),
      ...filesIn(join(functions, dirname(config))),
    ])
    const bytes = [...files.values()].reduce((sum, file) => sum + lstatSync(file).size, 0)
    return { name: dirname(config).replace(/\.func$/, ''), files, bytes }
  })
}

/** Copies the output of the build in a folder, with each function's files in the function. */
export function layOut(folder: string, target: string): void {
  const fresh = `${target}-${process.pid}`
  rmSync(fresh, { recursive: true, force: true })
  cpSync(join(folder, '.vercel/output'), fresh, { recursive: true, verbatimSymlinks: true })
  for (const { name, files } of vercelFunctions(folder)) {
    for (const [path, file] of files) {
      const copy = join(fresh, 'functions', `${name}.func`, path)
      mkdirSync(dirname(copy), { recursive: true })
      // The builder names links to folders, and the files in them.
      if (lstatSync(file).isSymbolicLink()) symlinkSync(readlinkSync(file), copy)
      else copyFileSync(file, copy)
    }
  }
  rmSync(target, { recursive: true, force: true })
  renameSync(fresh, target)
}

/** The files that a function takes from the sources and their packages. */
function filesNamed(folder: string, config: string): [string, string][] {
  const { filePathMap } = JSON.parse(readFileSync(config, 'utf8')) as {
    filePathMap: Record<string, string>
  }
  return Object.entries(filePathMap)
    .map(([path, from]): [string, string] => [path, join(folder, from)])
    .filter(([, file]) => !lstatSync(file).isDirectory())
}

/** The files that the builder wrote. */
function filesIn(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && entry.name !== '.vc-config.json')
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [file.slice(folder.length + 1), file])
}
