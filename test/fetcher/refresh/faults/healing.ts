import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { deleteSecret, destroySecret, must, removeSecret } from '../../../support/openbao-setup.ts';
import { json, startScriptedVault } from '../../../support/scripted-vault.ts';
import { until } from '../../../support/until.ts';
import { startApplication } from '../support/application.ts';
import { SOME_CHECKS, type World, type WorldOptions } from '../support/world.ts';

/** Something that happens to a sidecar, and what comes of it. */
export interface HealingCase {
	/** As the table in the documentation says it. */
	readonly what: string;
	readonly pod: string;
	readonly log: string;
	readonly options?: WorldOptions;
	/** Mounting needs root. */
	readonly root?: true;
	/** Runs in a world whose first files are written. */
	readonly run: (world: World) => Promise<void>;
}

const FAILED = 'the check of the secrets failed';
const CHANGED = 'secrets changed, files written';

/** Writes the private file as a sidecar would have left it. */
function changeState({ privateDir, state }: World, change: (token: { expires: number }) => void): void {
	const saved = state() as { token: { value: string; expires: number } };
	change(saved.token);
	const file = join(privateDir, 'state.json');
	writeFileSync(`${file}.test`, JSON.stringify(saved), { mode: 0o600 });
	renameSync(`${file}.test`, file);
}

/** The files follow a change without a failed check. */
async function followsWithoutFailure(world: World): Promise<void> {
	await world.start();
	await world.put('OTHER', 'other-2');
	await world.untilFiles({ LEVEL: 'service-1', OTHER: 'other-2' });
	expect(world.logged(FAILED)).toEqual([]);
}

const SECRETS: readonly HealingCase[] = [true, false].map((details) => ({
	what: `a key is changed, soft-deleted, undeleted, destroyed, removed and written again${details ? ', where one request shows a tier' : ''}`,
	pod: 'each time the value of the right tier',
	log: `\`${CHANGED}\` with the keys`,
	options: { details },
	run: async (world) => {
		const { vault, path, put, untilFiles } = world;
		const level = path('LEVEL');
		await world.start();
		await put('LEVEL', 'service-2');
		await untilFiles({ LEVEL: 'service-2', OTHER: 'other-1' });
		await deleteSecret(vault, level);
		await untilFiles({ LEVEL: 'deployment-1', OTHER: 'other-1' });
		await must(vault, 'PUT', `secret/undelete/${level}`, { body: { versions: [2] } });
		await untilFiles({ LEVEL: 'service-2', OTHER: 'other-1' });
		await destroySecret(vault, level, [2]);
		await untilFiles({ LEVEL: 'deployment-1', OTHER: 'other-1' });
		await removeSecret(vault, level);
		await put('LEVEL', 'service-3');
		await untilFiles({ LEVEL: 'service-3', OTHER: 'other-1' });
		await removeSecret(vault, path('LEVEL', 'deployment'));
		await removeSecret(vault, level);
		await untilFiles({ OTHER: 'other-1' });
		expect(world.logged(CHANGED).map(({ keys }) => keys)).toEqual(Array(6).fill(['LEVEL']));
		expect(world.logged(FAILED)).toEqual([]);
	},
}));

const TOKENS: readonly HealingCase[] = [
	{
		what: 'someone revokes the token',
		pod: 'nothing; the next check logs in again',
		log: 'nothing',
		run: async (world) => {
			const { value } = world.state().token ?? {};
			await must(world.vault, 'POST', 'auth/token/revoke', { body: { token: value } });
			await followsWithoutFailure(world);
			expect(world.state().token?.value).not.toBe(value);
		},
	},
	{
		what: 'tokens live so shortly that each check needs a login',
		pod: 'nothing',
		log: 'nothing',
		options: { tokenTtl: '5s' },
		run: followsWithoutFailure,
	},
	{
		what: 'the clock jumps ahead: the token looks ended',
		pod: 'nothing; the next check logs in again',
		log: 'nothing',
		run: async (world) => {
			changeState(world, (token) => {
				token.expires -= 86_400_000;
			});
			await followsWithoutFailure(world);
		},
	},
	{
		what: 'the clock jumps back: an ended token looks good',
		pod: 'nothing; the next check logs in again',
		log: 'nothing',
		run: async (world) => {
			const { value } = world.state().token ?? {};
			await must(world.vault, 'POST', 'auth/token/revoke', { body: { token: value } });
			changeState(world, (token) => {
				token.expires += 86_400_000;
			});
			await followsWithoutFailure(world);
		},
	},
	{
		what: 'the private file is cut off',
		pod: 'nothing; the next check logs in and reads everything',
		log: 'nothing',
		run: async (world) => {
			const file = join(world.privateDir, 'state.json');
			writeFileSync(file, readFileSync(file, 'utf8').slice(0, 40));
			await followsWithoutFailure(world);
		},
	},
];

/** A connection ends between two checks. */
async function betweenChecks(world: World, period: string, end: () => void): Promise<void> {
	await world.start({ env: { ENVTIER_REFRESH: period } });
	await world.put('OTHER', 'other-2');
	await world.untilFiles({ LEVEL: 'service-1', OTHER: 'other-2' });
	end();
	await world.put('OTHER', 'other-3');
	await world.untilFiles({ LEVEL: 'service-1', OTHER: 'other-3' });
}

const CONNECTIONS: readonly HealingCase[] = [
	{
		what: 'a load balancer closes the connection between two checks',
		pod: 'nothing',
		log: 'nothing',
		run: async (world) => {
			await betweenChecks(world, '10', world.address.cut);
			expect(world.logged(FAILED)).toEqual([]);
		},
	},
	{
		what: 'a load balancer forgets connections that are idle, with a period of more than 30 seconds',
		pod: 'nothing: each check has a connection of its own',
		log: 'nothing',
		run: async (world) => {
			await betweenChecks(world, '31', world.address.forget);
			expect(world.logged(FAILED)).toEqual([]);
		},
	},
	{
		what: 'a firewall drops what comes on an open connection, with a shorter period',
		pod: 'the files stay; the next check has a new connection',
		log: 'a warning, once: `unreachable`',
		run: async (world) => {
			await betweenChecks(world, '10', () => world.address.forget('silently'));
			expect(world.logged(FAILED).map(({ reason }) => reason)).toEqual(['unreachable']);
		},
	},
];

const PAUSES: readonly HealingCase[] = [
	{
		what: 'Vault answers 429 with `Retry-After: 12`',
		pod: 'the files stay',
		log: 'a warning, once',
		run: async (world) => {
			const times: number[] = [];
			const tls = await world.ground.authority.issue();
			const script = (): ReturnType<typeof json> => {
				times.push(performance.now());
				return json(429, { errors: ['rate limit'] }, { 'retry-after': '12' });
			};
			await using proxy = await startScriptedVault({ upstream: world.vault, tls, script });
			await world.address.lead(proxy.port);
			await world.start();
			await until('the second check', () => world.logged(FAILED)[1], SOME_CHECKS);
			const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
			// A check sends its requests together. Up to as long again, so that pods do not come back together.
			const pauses = gaps.filter((gap) => gap > 2_000);
			expect(pauses).toHaveLength(1);
			expect(pauses[0]).toBeGreaterThanOrEqual(11_900);
			await world.put('OTHER', 'other-2');
			await world.address.lead(Number(new URL(world.vault.addr).port));
			await world.untilFiles({ LEVEL: 'service-1', OTHER: 'other-2' });
		},
	},
	{
		what: 'the volume is full',
		pod: 'the files stay',
		log: 'a warning, once, with `ENVTIER_VOLUME_SIZE`',
		root: true,
		run: async (world) => {
			const { out } = world.pod;
			const script = `mount -t tmpfs -o size=256k tmpfs ${out} && exec "$@"`;
			const launcher = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'];
			const { pid } = await world.start({ launcher });
			// The mount is in the namespace of the sidecar only.
			const inside = `/proc/${pid}/root${out}`;
			const value = (): string => JSON.parse(readFileSync(join(inside, '..data/env.json'), 'utf8')).OTHER;
			const mounted = () => readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${out} `);
			await until('the mount', mounted, SOME_CHECKS);
			await until('the first files', () => value().endsWith('other-1'), SOME_CHECKS);
			const filler = join(inside, 'filler');
			expect(() => writeFileSync(filler, Buffer.alloc(1 << 20))).toThrow(/ENOSPC/);
			await world.put('OTHER', 'other-2');
			await until('two failed checks', () => world.logged(FAILED)[1], SOME_CHECKS);
			expect(value()).toMatch(/other-1$/);
			const [warning, ...more] = world.logged(FAILED);
			expect([warning?.['reason'], warning?.level]).toEqual(['write-failed', 40]);
			expect(warning?.msg).toMatch(/is full: .*ENVTIER_VOLUME_SIZE/);
			expect(more.filter(({ level }) => level === 40)).toEqual([]);
			rmSync(filler);
			await until('the new value', () => value().endsWith('other-2'), SOME_CHECKS);
		},
	},
];

const NOT_NOTIFIED = 'the application could not be notified, trying again';

/** An application that answers badly at first. */
function afterwardsGood(
	what: string,
	log: string,
	first: Parameters<typeof startApplication>[0],
	message: RegExp,
): HealingCase {
	return {
		what,
		pod: 'the files change; the application is told later',
		log,
		run: async (world) => {
			await using app = await startApplication(first);
			await world.start({ env: app.env });
			await world.put('OTHER', 'other-2');
			await until('the warning', () => world.logged(NOT_NOTIFIED)[0], SOME_CHECKS);
			expect(world.logged(NOT_NOTIFIED)[0]?.msg).toMatch(message);
			await world.untilFiles({ LEVEL: 'service-1', OTHER: 'other-2' });
			await app.mend();
			await until('the delivery', () => world.logged('application notified')[0], SOME_CHECKS);
			expect(JSON.parse(app.accepted[0] ?? '')).toEqual({
				keys: ['OTHER'],
				revision: world.logged(CHANGED)[0]?.['revision'],
			});
			expect(app.elsewhere()).toBe(0);
			expect(world.logged(NOT_NOTIFIED).filter(({ level }) => level === 40)).toHaveLength(1);
			expect(app.accepted).toHaveLength(1);
		},
	};
}

const APPLICATION: readonly HealingCase[] = [
	afterwardsGood(
		'nobody listens for the POST',
		'a warning, once',
		'closed',
		/ECONNREFUSED|ConnectionRefused|no connection/,
	),
	afterwardsGood(
		'the application does not answer the POST',
		'a warning, once',
		'silent',
		/no answer within 5 s/,
	),
	afterwardsGood('the application answers the POST with 500', 'a warning, once', 500, /status 500/),
	afterwardsGood(
		'the application redirects the POST to another host',
		'a warning, once; the other host gets nothing',
		302,
		/status 302/,
	),
	{
		what: 'a second change comes before the first POST is accepted',
		pod: 'one POST with the keys of both',
		log: '`application notified`, once',
		run: async (world) => {
			await using app = await startApplication(500);
			await world.start({ env: app.env });
			await world.put('OTHER', 'other-2');
			await until('the warning', () => world.logged(NOT_NOTIFIED)[0], SOME_CHECKS);
			await world.put('LEVEL', 'service-2');
			await until('the second change', () => world.logged(CHANGED)[1], SOME_CHECKS);
			await app.mend();
			await until('the delivery', () => app.accepted[0], SOME_CHECKS);
			expect(JSON.parse(app.accepted[0] ?? '')).toEqual({
				keys: ['LEVEL', 'OTHER'],
				revision: world.logged(CHANGED)[1]?.['revision'],
			});
		},
	},
];

/** By the headings of the table in the documentation. */
export const HEALING: Readonly<Record<string, readonly HealingCase[]>> = {
	'Changes in Vault': SECRETS,
	'The token and the clock': TOKENS,
	Connections: CONNECTIONS,
	'Pauses and room': PAUSES,
	'The application': APPLICATION,
};
