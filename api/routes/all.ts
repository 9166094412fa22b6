import type { Operation } from '../server/operation.ts';
import { auditOperations } from './audit.ts';
import { changeOperations } from './changes.ts';
import { deploymentOperations } from './deployments.ts';
import { effectiveOperations } from './effective.ts';
import { gridOperations } from './grid.ts';
import { keyOperations } from './keys.ts';
import { memberOperations } from './members.ts';
import { orgSecretOperations } from './org-secrets.ts';
import { secretOperations } from './secrets.ts';
import { templateOperations } from './templates.ts';
import { transferOperations } from './transfers.ts';
import { whoamiOperations } from './whoami.ts';

/** Every operation of the API, in the order in which it is documented. */
export const OPERATIONS: readonly Operation[] = [
	...secretOperations,
	...orgSecretOperations,
	...templateOperations,
	...deploymentOperations,
	...memberOperations,
	...transferOperations,
	...effectiveOperations,
	...gridOperations,
	...changeOperations,
	...keyOperations,
	...whoamiOperations,
	...auditOperations,
];
