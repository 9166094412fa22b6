import { join } from 'node:path';
import pino from 'pino';
import { type KeyRecord, newKey } from '../../api/auth/api-key.ts';
import { SCOPES } from '../../api/auth/caller.ts';
import { serve } from '../../api/server/server.ts';
import { CLIENT, CLIENT_HEADER } from '../../api/session/same-origin.ts';
import { readSettings, type Settings } from '../../api/settings/settings.ts';
import { createApi } from '../../api/wiring.ts';
import { jsonLines, type StampedLine } from '../../lib/audit/lines.ts';
import { type SeedCall, seed } from './seed.ts';

/** The dashboard on the memory store, filled with examples. */
export interface DevDashboard {
	/** `http://127.0.0.1:port` */
	readonly url: string;
	stop(): Promise<void>;
}

/** What may differ between a trial and a test. */
export interface DevOptions {
	readonly listen: string;
	readonly env?: Readonly<Record<string, string>>;
	readonly onAudit?: (line: StampedLine) => void;
	readonly onLog?: (line: string) => void;
	/** Settings that no variable reaches, for tests. */
	readonly settings?: Partial<Settings>;
	/** See `ProcessContext`. */
	readonly dashboardBeside?: string;
	/** False leaves the store empty. */
	readonly examples?: boolean;
}

const EXAMPLE = join(import.meta.dirname, '../../examples/vault.yaml');

/** Starts the API with the dashboard and a development identity. Needs dist/ui: `npm run build`. */
export async function startDashboard(options: DevOptions): Promise<DevDashboard> {
	const { listen, env = {}, onAudit = () => undefined, onLog = () => undefined } = options;
	const read = readSettings({
		ENVTIER_API_LISTEN: listen,
		ENVTIER_API_STORE: 'memory',
		ENVTIER_API_DASHBOARD: 'true',
		ENVTIER_API_DASHBOARD_DEVELOPMENT: 'true',
		ENVTIER_API_CALLS_PER_MINUTE: '100000',
		ENVTIER_LOG_LEVEL: 'warn',
		...env,
	});
	if (!read.ok) throw new Error(read.error);
	const settings = { ...read.value, ...options.settings };
	const ada = personOf('user:ada');
	const api = await createApi(settings, {
		host: 'dashboard',
		log: pino({ level: settings.logLevel }, { write: onLog }),
		audit: (line) => {
			onAudit(line);
			jsonLines(onLog)(line);
		},
		keys: [ada.record],
		version: 'development',
		now: () => new Date(),
		...(options.dashboardBeside === undefined ? {} : { dashboardBeside: options.dashboardBeside }),
	});
	const served = await serve(api.app, undefined, settings);
	if (!served.ok) throw new Error(served.error);
	const url = `http://127.0.0.1:${served.value.address.port}`;
	const call: SeedCall = async (as, method, path, body) => {
		const credentials = as === 'ada' ? { authorization: `Bearer ${ada.key}` } : await sessionAt(url);
		const headers = { ...credentials, 'content-type': 'application/json' };
		const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
		if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
		return await response.json();
	};
	if (options.examples !== false) await seed(call, EXAMPLE);
	return {
		url,
		stop: async () => {
			await served.value.stop(1_000);
			await api.close();
		},
	};
}

/** The headers of the developer's session, as the dashboard's own page has them. */
async function sessionAt(url: string): Promise<Record<string, string>> {
	const login = await fetch(`${url}/ui/session/login`, { redirect: 'manual' });
	const [cookie = ''] = login.headers.getSetCookie()[0]?.split(';') ?? [];
	return { cookie, origin: url, 'sec-fetch-site': 'same-origin', [CLIENT_HEADER]: CLIENT };
}

/** A person by a key of this process, for the calls that fill the store. */
function personOf(subject: string): { readonly key: string; readonly record: KeyRecord } {
	const { text, id, hash } = newKey();
	const record = {
		id,
		hash,
		subject,
		org: 'acme',
		expiresAt: undefined,
		roles: ['org_owner'],
		scopes: SCOPES,
	} as const;
	return { key: text, record: { ...record, roles: ['org_owner'] } };
}
