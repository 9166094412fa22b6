import pino from 'pino';
import { type KeyRecord, newKey } from '../../../api/auth/api-key.ts';
import { SCOPES } from '../../../api/auth/caller.ts';
import { OPERATIONS } from '../../../api/routes/all.ts';
import { REVEAL_OPERATIONS } from '../../../api/routes/all-reveal.ts';
import type { ReadVersion } from '../../../api/secrets/versions.ts';
import { openApiOf } from '../../../api/server/openapi.ts';
import { serve } from '../../../api/server/server.ts';
import { readSettings, type Settings } from '../../../api/settings/settings.ts';
import { type Api, createApi } from '../../../api/wiring.ts';
import { jsonLines } from '../../../lib/audit/lines.ts';
import { type Answer, call } from '../../support/http.ts';
import { type Conformance, conformance } from './conformance.ts';

/** A caller with an API key of the operator's file. */
export interface Caller {
	readonly key: string;
	readonly record: KeyRecord;
}

/** Creates a caller. By default it may do everything in the organization acme. */
export function caller(subject: string, what: Partial<KeyRecord> = {}): Caller {
	const { text, id, hash } = newKey();
	const record: KeyRecord = {
		...{ id, hash, subject, org: 'acme', expiresAt: undefined },
		roles: ['org_admin'],
		scopes: SCOPES,
		...what,
	};
	return { key: text, record };
}

/** What goes with a call. */
export interface Sent {
	readonly as?: Caller | string | undefined;
	/** An object goes as JSON, a text as it is. */
	readonly body?: unknown;
	readonly headers?: Readonly<Record<string, string>>;
}

/** The API in this process, on a port of its own. Every answer is checked against its OpenAPI document. */
export interface ApiUnderTest extends AsyncDisposable {
	readonly url: string;
	readonly caPem: string | undefined;
	/** Everything that it logged, audited included, as text. */
	output(): string;
	/** The result lines of its audit. */
	audit(): readonly Record<string, unknown>[];
	/** All lines of its audit. */
	auditLines(): readonly Record<string, unknown>[];
	readonly seen: Conformance;
	send(method: string, path: string, sent?: Sent): Promise<Answer>;
	readonly api: Api;
}

/** What to start. */
export interface ApiOptions {
	/** `ENVTIER_*` variables; the memory store unless they say otherwise. */
	readonly env?: Readonly<Record<string, string>>;
	readonly callers?: readonly Caller[];
	/** Changes of settings that no variable reaches as finely. */
	readonly settings?: Partial<Settings>;
	readonly now?: () => Date;
	/** Reads old versions, as the Reveal program does. */
	readonly readVersion?: ReadVersion;
	/** A URL beside which the pages of the dashboard lie. */
	readonly dashboardBeside?: string;
	/** Called before each audit line is written; it may throw. */
	readonly beforeAudit?: (line: string) => void;
}

/** Starts the API, from the same variables as its image. */
export async function startApi(options: ApiOptions = {}): Promise<ApiUnderTest> {
	const { env = {}, callers = [], now = () => new Date(), readVersion } = options;
	const read = readSettings({
		ENVTIER_API_STORE: 'ENVTIER_VAULT_ADDR' in env ? 'vault' : 'memory',
		ENVTIER_API_LISTEN: '127.0.0.1:0',
		ENVTIER_API_CALLS_PER_MINUTE: '100000',
		ENVTIER_API_OVERWRITES_PER_HOUR: '1000',
		ENVTIER_LOG_LEVEL: 'debug',
		...env,
	});
	if (!read.ok) throw new Error(read.error);
	const settings = { ...read.value, ...options.settings };
	const lines: string[] = [];
	const audited: Record<string, unknown>[] = [];
	const log = pino({ level: settings.logLevel }, { write: (line: string) => void lines.push(line) });
	const audit = jsonLines((line) => {
		options.beforeAudit?.(line);
		lines.push(line);
		audited.push(JSON.parse(line) as Record<string, unknown>);
	});
	const keys = callers.map((one) => one.record);
	const more = {
		...(readVersion === undefined ? {} : { readVersion }),
		...(options.dashboardBeside === undefined ? {} : { dashboardBeside: options.dashboardBeside }),
	};
	const api = await createApi(settings, { log, audit, keys, version: 'test', now, host: 'test', ...more });
	const served = await serve(api.app, undefined, settings);
	if (!served.ok) throw new Error(served.error);
	const running = served.value;
	const url = `http://127.0.0.1:${running.address.port}`;
	const operations = settings.reveal === undefined ? OPERATIONS : REVEAL_OPERATIONS;
	const seen = conformance(openApiOf(operations, 'test'));
	return {
		url,
		api,
		caPem: undefined,
		seen,
		output: () => lines.join(''),
		audit: () => audited.filter(({ phase }) => phase === 'result'),
		auditLines: () => audited,
		send: async (method, path, { as, body, headers = {} } = {}) => {
			const credential = typeof as === 'string' ? as : as?.key;
			const authorization = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
			const answer = await call({
				url: `${url}${path}`,
				method,
				headers: { ...authorization, ...headers },
				body,
			});
			seen.check(method, path, answer);
			return answer;
		},
		[Symbol.asyncDispose]: async () => {
			await running.stop(1_000);
			await api.close();
		},
	};
}
