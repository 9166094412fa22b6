import type { Logger } from 'pino';
import type { AuditRecorder } from '../audit/recorder.ts';
import type { Access } from '../auth/access.ts';
import type { Dashboard } from '../dashboard/routes.ts';
import type { RevealPage } from '../reveal/page.ts';
import type { LoginSettings } from '../settings/settings.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { OpenApiDocument } from './openapi.ts';
import type { Operation, Services } from './operation.ts';
import type { Readiness } from './readiness.ts';

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
	/** Undefined where the dashboard is not served. Then no cookie counts. */
	readonly dashboard: Dashboard | undefined;
	/** The page of the Reveal program; undefined in other programs, and without a client at the issuer. */
	readonly revealPage: RevealPage | undefined;
	readonly bodyLimit: number;
	/** True when a reverse proxy sets X-Forwarded-For to the caller's address. */
	readonly trustProxy: boolean;
	readonly readiness: Pick<Readiness, 'notReady' | 'note'>;
	readonly now: () => Date;
}
