import { ATTACKS } from '../../tests/support/hostile.ts'
import type { TestServer } from '../../tests/support/start-server.ts'

// A hostile client in a process of its own: NAME PORT PASSWORD. Says when it has done its worst, and stays.
const [name, port, password] = process.argv.slice(2)
await ATTACKS[name!]!({ port: Number(port), password: password! } as TestServer)
console.log('done')
