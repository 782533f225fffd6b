import { isOpError, type OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'

/** Of several that were named, those that cannot be taken are left out, and the others go. */
export async function eachSource<Source extends string>(
  sources: readonly Source[],
  passedOver: (what: string, why: OpError) => void,
  plan: (source: Source) => Promise<void>,
): Promise<void> {
  for (const source of sources)
    try {
      await plan(source)
    } catch (error) {
      if (sources.length === 1 || !isOpError(error) || error.code === 'ECONNRESET') throw error
      passedOver(shown(source), error)
    }
}

/** Tells what is not taken along; `failed`: though it should have been. */
export function leftOut(tell: (text: string) => void, failed: (error: OpError) => void) {
  return (what: string, why: string | OpError): void => {
    tell(`"${what}" is left out: ${typeof why === 'string' ? why : why.message}`)
    if (typeof why !== 'string') failed(why)
  }
}
