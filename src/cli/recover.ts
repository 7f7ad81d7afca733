// Started by the guard of a migration whose engine was killed; its only argument is the order, as JSON.
import { type GuardOrder, recover } from '../migrate/guard.js';

await recover(JSON.parse(process.argv[2] ?? '') as GuardOrder);
