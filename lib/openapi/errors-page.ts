import { createHash } from 'node:crypto'
import { problemTypes } from '#lib/http/errors'
import { problemTexts } from '#lib/http/problem-texts'

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
section{border-top:1px solid #ccc;padding:.5rem 0}section:target{background:#fff6d6}
code{font-size:.95em}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}section:target{background:#332b00}a{color:#8bf}}`

const entries = Object.entries(problemTypes).map(entry).join('\n')

/**
 * The page that the `type` of every problem document leads to, with an entry for each error.
 *
 * @param url of the request, which the link of the page is relative to
 */
export function errorsPage({ pathname }: URL): string {
  const reference = pathname.endsWith('/') ? '../../docs' : '../docs'
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errors of the Todo API</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<h1>Errors</h1>
<p>Every answer of 400 and up is a problem document (RFC 9457). Its <code>code</code> never changes. See also the <a href="${reference}">reference</a>.</p>
${entries}
</body>
</html>
`
}

/** Allows this one style sheet, by its hash, and nothing else. */
export const errorsPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

function entry([code, { status, title }]: [string, { status: number; title: string }]): string {
  const text = problemTexts[code as keyof typeof problemTexts]
  return `<section id="${code}"><h2><code>${code}</code></h2><p>${status}: ${escapeHtml(title)}.</p><p>${escapeHtml(text)}</p></section>`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
