interface Props {
  number: number
  isBusy: boolean
  onPrevious: (() => void) | undefined
  onNext: (() => void) | undefined
}

export function Pages({ number, isBusy, onPrevious, onNext }: Props) {
  if (onPrevious === undefined && onNext === undefined) return null
  return (
    <nav aria-label="Pages" className="row">
      <button type="button" disabled={isBusy || onPrevious === undefined} onClick={onPrevious}>
        Previous
      </button>
      <span role="status">Page {number}</span>
      <button type="button" disabled={isBusy || onNext === undefined} onClick={onNext}>
        Next
      </button>
    </nav>
  )
}
