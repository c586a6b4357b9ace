import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const paths = [process.env['CHROMIUM_PATH'] ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser']
const executablePath = paths.find(existsSync) ?? ''

/** Whether it is there. Suites that need it skip without; `CHROMIUM_PATH` may say where it is. */
export const hasChromium = executablePath !== ''

export async function launchChromium() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  return await chromium.launch({ executablePath, args })
}
