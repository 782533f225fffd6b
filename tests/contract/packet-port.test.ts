import { packetPortContract } from './packet-port.contract.ts'

packetPortContract('fast')
packetPortContract('plain')
