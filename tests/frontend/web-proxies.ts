import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { outputOf, startChild } from '#tests/support/child'
import { openSocket } from '#tests/support/send'
import { freePort } from '#tests/support/service'

type Change = [from: string | RegExp, to: string]

interface Program {
  /** The tag that it makes of "N" where it compresses. */
  readonly tag: RegExp
  /** In `deploy/`. */
  readonly file: string
  /** What stands before and after that file, so that the program touches nothing but a folder. */
  around(folder: string, port: number): [before: string[], after: string]
  /** What makes the file one for a port of this machine, without a certificate. */
  local(port: number): Change[]
  /** What `docs/deployment.md` says of a prefix. */
  readonly prefixed: Change[]
  command(file: string): string[]
}

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
const moduleFolder = '/usr/lib/apache2/modules'
const modules = 'mpm_event authz_core filter deflate headers proxy proxy_http'.split(' ')

const programs = {
  nginx: {
    tag: /^W\/"N"$/,
    file: 'nginx.conf',
    around: (folder) => [
      [
        `daemon off; error_log stderr; pid ${folder}/pid; events {} http { access_log off;`,
        ...temporary.map((name) => `${name}_temp_path ${folder}/${name};`),
      ],
      '}',
    ],
    local: (port) => [
      ['listen 443 ssl http2', `listen 127.0.0.1:${port}`],
      [/ssl_certificate.*;/g, ''],
    ],
    prefixed: [
      ['location /metrics', 'location /backend/metrics'],
      ['location / {', 'location /backend/ {'],
      ['proxy_pass http://todo_backend;', 'proxy_pass http://todo_backend/;'],
    ],
    command: (file) => ['-e', 'stderr', '-c', file],
  },
  caddy: {
    // Caddy 2.6, which Debian has, leaves it as it is.
    tag: /^"N(-gzip)?"$/,
    file: 'Caddyfile',
    around: () => [['{', 'admin off', 'default_bind 127.0.0.1', '}'], ''],
    local: (port) => [['api.example.com', `http://127.0.0.1:${port}`]],
    prefixed: [[/respond.*reverse_proxy [^\n]*/s, 'handle_path /backend/* {\n$&\n}']],
    command: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
  apache2: {
    tag: /^"N-gzip"$/,
    file: 'apache.conf',
    around: (folder, port) => [
      [
        ...modules.map((name) => `LoadModule ${name}_module ${moduleFolder}/mod_${name}.so`),
        `Listen 127.0.0.1:${port}`,
        ...['ServerRoot ', 'DefaultRuntimeDir ', 'Mutex file:'].map((name) => `${name}${folder}`),
        ...['ServerName localhost', 'PidFile pid', 'ErrorLog log'],
      ],
      '',
    ],
    local: (port) => [
      ['*:443', `*:${port}`],
      [/SSL.*/g, ''],
    ],
    prefixed: [
      ['ProxyPass /metrics', 'ProxyPass /backend/metrics'],
      ['ProxyPass / ', 'ProxyPass /backend/ '],
    ],
    command: (file) => ['-DFOREGROUND', '-f', file],
  },
} satisfies Record<string, Program>

export type ProxyName = keyof typeof programs

/** Each, and whether it is there: the paths and loopback addresses are those of Debian. */
export const proxies = Object.entries(programs).map(([name, { tag }]) => ({
  name: name as ProxyName,
  tag,
  isInstalled: process.platform === 'linux' && spawnSync(name, ['-v']).error === undefined,
}))

/**
 * Starts a proxy as `deploy/` configures it, without rights and in a folder of its own.
 *
 * @param prefix which it takes away from paths: `/backend`, or none
 * @param target host and port of the service
 */
export async function startWebProxy(name: ProxyName, prefix: string, target: string) {
  const program: Program = programs[name]
  const folder = mkdtempSync(join(tmpdir(), 'todo-proxy-'))
  chmodSync(folder, 0o777)
  const port = await freePort()
  const file = join(folder, program.file)
  const changes: Change[] = [...program.local(port), ['127.0.0.1:8000', target]]
  if (prefix !== '') changes.push(...program.prefixed)
  const shipped = readFileSync(`deploy/${program.file}`, 'utf8')
  const [before, after] = program.around(folder, port)
  writeFileSync(file, [...before, changes.reduce(change, shipped), after].join('\n'))
  const child = startChild(name, program.command(file), {
    cwd: folder,
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(process.getuid?.() === 0 && { uid: 65534, gid: 65534 }),
  })
  const output = outputOf(child)
  const ended = once(child, 'close')
  const url = `http://127.0.0.1:${port}${prefix}`
  async function stop() {
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  while (!(await isListening(url))) {
    if (child.exitCode !== null) {
      await stop()
      throw new Error(`${name} did not start:\n${output()}`)
    }
    await sleep(20)
  }
  return { url, stop }
}

async function isListening(url: string): Promise<boolean> {
  const socket = await openSocket(url).catch(() => undefined)
  socket?.destroy()
  return socket !== undefined
}

function change(text: string, [from, to]: Change): string {
  const next = text.replace(from, to)
  if (next === text) throw new Error(`The configuration has no ${from}.`)
  return next
}
