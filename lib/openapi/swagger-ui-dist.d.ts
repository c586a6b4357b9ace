declare module 'swagger-ui-dist/absolute-path.js' {
  /** The folder that the package is installed in. */
  export default function absolutePath(): string
}
