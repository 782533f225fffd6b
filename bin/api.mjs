import { codeOf } from './code.mjs'

export const { connect, isOpError, OpError } = await import(codeOf('client/api').href)
