import type { Answer } from '../../support/http.ts';
import { until } from '../../support/until.ts';
import type { HistoryCall } from './checker.ts';
import { DEPLOYMENTS, PLACES, type Place, type World } from './world.ts';

/** What the clients share. */
export interface Run {
	readonly world: World;
	/** From 0 to 1. */
	readonly random: () => number;
	readonly calls: HistoryCall[];
	/** Ids that a client has seen, by place. Old ones stay, so that stale ids are tried as well. */
	readonly ids: ReadonlyMap<string, string[]>;
	sent: number;
	/** False while a fault lasts. A call that failed waits for its end. */
	healthy: boolean;
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomOf(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}

/** Begins a run. */
export function newRun(world: World, seed: number): Run {
	const ids = new Map(PLACES.map(({ name }) => [name, [] as string[]]));
	return { world, random: randomOf(seed), calls: [], ids, sent: 0, healthy: true };
}

const now = (): number => performance.timeOrigin + performance.now();
const METHODS = { create: 'POST', update: 'PUT', delete: 'DELETE' } as const;

/** One random call of a client. */
export async function oneCall(run: Run, client: number): Promise<void> {
	const { world, random, calls } = run;
	const { at, kind, target } = chosen(run);
	run.sent += 1;
	const requestId = `c${client}-${run.sent}`;
	const about = {
		...{ requestId, kind, place: at.name, start: now(), undoable: at.typed },
		...(kind === 'delete' ? {} : { value: requestId }),
		...(kind === 'create' ? {} : { target }),
	};
	const never = { ...about, end: Number.POSITIVE_INFINITY, outcome: 'unknown' } as const;
	try {
		const body = bodyOf(kind, at, requestId, target);
		const answer = await world.send(random() < 0.5 ? 0 : 1, METHODS[kind], '/api/secrets', body, requestId);
		const outcome = outcomeOf(kind, answer);
		const id = kind === 'create' && outcome === 'done' ? idIn(answer) : undefined;
		if (id !== undefined) run.ids.get(at.name)?.push(id);
		const ended = { ...about, end: now(), outcome, ...(id === undefined ? {} : { id }) };
		calls.push(outcome === 'unknown' ? never : ended);
		if (outcome === 'unknown') await recovered(run);
	} catch (thrown) {
		if (thrown instanceof UnexpectedAnswer) throw thrown;
		if ((thrown as { code?: string }).code !== 'ECONNREFUSED') calls.push(never);
		await recovered(run);
	}
	// The ids of creations without an answer are only in lists.
	if (run.sent % 20 === 0) await learn(run);
}

function chosen({ random, ids }: Run): {
	readonly at: Place;
	readonly kind: HistoryCall['kind'];
	readonly target: string;
} {
	const at = PLACES[Math.floor(random() * PLACES.length)] as Place;
	const known = ids.get(at.name) ?? [];
	// Most often the newest id, sometimes a stale one.
	const target = known[random() < 0.9 ? known.length - 1 : Math.floor(random() * known.length)];
	if (target === undefined || random() < 0.3) return { at, kind: 'create', target: '' };
	return { at, kind: random() < 0.7 ? 'update' : 'delete', target };
}

function bodyOf(kind: HistoryCall['kind'], at: Place, value: string, target: string): object {
	const content = at.typed ? { fields: { username: `u-${value}`, password: `p-${value}` } } : { value };
	if (kind === 'delete') return { id: target };
	if (kind === 'update') return { id: target, ...content };
	const named = at.typed ? { type: 'userpass', name: at.key } : { key: at.key };
	return { ...named, ...content, deploymentName: at.deployment, serviceName: at.service };
}

/** An answer that no call of the history should get. */
class UnexpectedAnswer extends Error {}

/** The outcome that an answer promises. */
function outcomeOf(kind: HistoryCall['kind'], { status, text }: Answer): HistoryCall['outcome'] {
	if (status < 300) return 'done';
	if (status === 404) return 'absent';
	// The deployment is deleted.
	if (status === 403) return 'refused';
	// Another 409 says that a change is under way, or that an unfinished one will be undone.
	if (status === 409) return kind === 'create' && /exists?\b/.test(text) ? 'exists' : 'refused';
	if (status >= 500) return 'unknown';
	throw new UnexpectedAnswer(`${kind}: ${status} ${text}`);
}

/** The id of a secret, or of the first key of a typed one. */
function idIn({ text }: Answer): string {
	return /"id":"([^"]+)"/.exec(text)?.[1] ?? '';
}

async function recovered(run: Run): Promise<void> {
	await until('the fault to end', () => run.healthy, { timeoutMs: 120_000, everyMs: 20 });
}

/** Learns ids from lists. A list that fails is not a call of the history. */
async function learn({ world, ids }: Run): Promise<void> {
	for (const deployment of DEPLOYMENTS) {
		const path = `/api/secrets?deployment=${deployment}`;
		const listed = await world.send(0, 'GET', path, undefined, 'learn').catch(() => undefined);
		const secrets = listed?.status === 200 ? (listed.json as Record<string, string>[]) : [];
		for (const { id = '', key, serviceName } of secrets) {
			const isAt = (one: Place): boolean =>
				one.deployment === deployment &&
				one.service === serviceName &&
				key === (one.typed ? `${one.key}_USERNAME` : one.key);
			const known = ids.get(PLACES.find(isAt)?.name ?? '');
			if (known?.includes(id) === false) known.push(id);
		}
	}
}

/** Deletes the deployment that is to be deleted. Repeats it after a fault, as a person would. */
export async function deleteDoomed(run: Run): Promise<void> {
	const body = { confirm: 'doomed' };
	await until(
		'the deletion',
		async () => {
			const answer = await run.world.send(0, 'DELETE', '/api/deployments/doomed', body, 'delete-doomed');
			return answer.status === 200 || answer.status === 403;
		},
		{ timeoutMs: 120_000 },
	);
}
