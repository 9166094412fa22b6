import type { Operation } from '../server/operation.ts';
import { elevationOperations } from './elevations.ts';
import { memberOperations } from './members.ts';
import { orgSecretRestores } from './org-secrets.ts';
import { accessOperations } from './register-access.ts';
import { revealOperations } from './reveal.ts';
import { secretRestores } from './secrets.ts';
import { transferOperations } from './transfers.ts';

/** Every operation of the Reveal program. */
export const REVEAL_OPERATIONS: readonly Operation[] = [
	...revealOperations,
	...secretRestores,
	...orgSecretRestores,
	...elevationOperations,
	...accessOperations,
	...memberOperations,
	...transferOperations,
];
