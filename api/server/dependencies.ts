import type { Logger } from 'pino';
import type { AuditRecorder } from '../audit/recorder.ts';
import type { Access } from '../auth/access.ts';
import type { LoginSettings } from '../settings/settings.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { OpenApiDocument } from './openapi.ts';
import type { Operation, Services } from './operation.ts';

/** Dependencies of the routes; `wiring.ts` provides them. */
export interface AppDependencies {
	readonly operations: readonly Operation[];
	readonly openApi: OpenApiDocument;
	/** Undefined when no store is configured. */
	readonly services: Services | undefined;
	readonly access: Access;
	readonly limits: Limits;
	readonly metrics: Metrics;
	readonly audit: AuditRecorder;
	readonly log: Logger;
	readonly login: LoginSettings | undefined;
	readonly bodyLimit: number;
	/** True when a reverse proxy sets X-Forwarded-For to the caller's address. */
	readonly trustProxy: boolean;
	/** Why the API is not ready; undefined when it is ready. */
	readonly notReady: () => Promise<string | undefined>;
	readonly now: () => Date;
}
