import { sqlWorld } from '../support/ledgers.ts'
import { ledgerContract } from './ledger.contract.ts'

ledgerContract('the ledger in SQLite', sqlWorld)
