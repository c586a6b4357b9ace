import { commonHeaders } from '#lib/http/response-headers'
import { swaggerUiFile } from '#lib/openapi/swagger-ui'
import { families } from '#lib/openapi/texts'

const folded = families.map(({ tag }) => tag)

const script = `// Beside the folder of this script, under whatever prefix a proxy serves it.
const documentUrl = new URL('../openapi.json', document.currentScript.src)
const common = new Set(${JSON.stringify(commonHeaders)})
// The description of the document says these headers once, not every answer again.
const ownHeaders = (Headers, { React }) => (props) => {
  const headers = props.headers.filterNot((_, name) => common.has(name))
  return headers.size === 0 ? null : React.createElement(Headers, { ...props, headers })
}
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: documentUrl.href,
    dom_id: '#reference',
    deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    validatorUrl: null,
    plugins: [{ wrapComponents: { headers: ownHeaders } }],
    // The same operations under other paths: a reader opens them when they use them.
    onComplete: () => {
      for (const tag of ${JSON.stringify(folded)}) {
        window.ui.layoutActions.show(['operations-tag', tag], false)
      }
    },
  })
}
`

/**
 * The interactive reference: Swagger UI over `/openapi.json`, all of it from this server.
 *
 * @param url of the request: the links of the page are relative to it, so that it works under a
 *   prefix too
 */
export function referencePage({ pathname }: URL): string {
  const folder = pathname.endsWith('/') ? '' : 'docs/'
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Todo API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${folder}swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="${folder}swagger-ui-bundle.js"></script>
<script src="${folder}reference.js"></script>
</body>
</html>
`
}

/**
 * The policy of the reference page: scripts, styles and pictures from this server, and requests to
 * it. Swagger UI also sets styles on its elements, which no other page does.
 */
export const referencePolicy = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self' 'unsafe-inline'"],
  ...["img-src 'self' data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'"],
  "frame-ancestors 'none'",
].join('; ')

const types: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'reference.js': 'text/javascript; charset=utf-8',
}

/** A part of the reference page, by its file name. @returns undefined where it has no such part */
export async function referencePart(
  name: string,
): Promise<{ type: string; content: string | Uint8Array<ArrayBuffer> } | undefined> {
  const type = Object.hasOwn(types, name) ? types[name] : undefined
  if (type === undefined) return undefined
  if (name === 'reference.js') return { type, content: script }
  return { type, content: await swaggerUiFile(name) }
}
