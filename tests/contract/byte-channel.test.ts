import { byteChannelContract } from './byte-channel.contract.ts'

byteChannelContract('fast')
byteChannelContract('plain')
