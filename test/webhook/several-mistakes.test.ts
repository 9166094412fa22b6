import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ASKS, type Asks, podOf } from './support/pods.ts';
import { request } from './support/request.ts';
import { settings } from './support/settings.ts';

const decide = (asks: Asks) => admit(request(podOf({ ...ASKS, ...asks })), settings().injection);

function refused(asks: Asks) {
	const decision = decide(asks);
	if (decision.kind !== 'reject') throw new Error(`not refused but ${decision.kind}`);
	return decision;
}

describe('several wrong annotations', () => {
	test('are all named in one message, each as if it were alone, with its guess', () => {
		const wrong: Asks = { sevrice: 'web', requires: 'A', 'run-as-user': 'root', 'keys.web': '-' };
		const alone = Object.entries(wrong)
			.sort()
			.map(([name, value]) => refused({ [name]: value }).message);
		const { reason, message } = refused(wrong);
		expect(message).toBe(
			`4 annotations are wrong: ${alone.map((sentence, i) => `(${i + 1}) ${sentence}`).join('; ')}`,
		);
		expect(message).toContain('did you mean envtier.dev/service?');
		expect(message).toContain('did you mean envtier.dev/require?');
		expect(reason).toBe('bad-annotation');
	});

	test('the reason is that of the first by name', () => {
		expect(refused({ zzz: 'x', tiers: 'galaxy' }).reason).toBe('bad-annotation');
		expect(refused({ aaa: 'x', tiers: 'galaxy' }).reason).toBe('unknown-annotation');
	});

	test('the order in which they were written makes no difference', () => {
		const one = { aaa: 'x', tiers: 'galaxy', zzz: 'x' };
		expect(refused(Object.fromEntries(Object.entries(one).reverse()))).toEqual(refused(one));
	});

	test('a single mistake has no number', () => {
		expect(refused({ sevrice: 'web' }).message).toMatch(/^annotation "envtier\.dev\/sevrice" is unknown/);
	});

	test('more than ten are counted', () => {
		const many = (count: number): Asks =>
			Object.fromEntries(Array.from({ length: count }, (_, i) => [`sevrice${i}`, 'x']));
		expect(refused(many(10)).message).toMatch(/^10 annotations are wrong: \(1\).*\(10\) [^;]*$/);
		expect(refused(many(11)).message).toMatch(/^11 annotations are wrong: \(1\).*\(10\) [^;]*; and 1 more$/);
		expect(refused(many(900)).message).toMatch(/; and 890 more$/);
	});

	test('the message contains the list of all names once', () => {
		const { message } = refused({ 'vault-addr': 'x', 'vault-token': 'x', zzzzzzzz: 'x' });
		expect(message.split('known are ')).toHaveLength(2);
		expect(message.split('no known name is like it')).toHaveLength(3);
	});

	test('whatever they are, the message is one line of bounded length without their values', () => {
		fc.assert(
			fc.property(
				fc.dictionary(fc.string({ minLength: 1, unit: 'binary' }), fc.constant('hunter2-canary!'), {
					minKeys: 2,
				}),
				(asks) => {
					const { message } = refused({ ...asks, deployment: 'shop' });
					expect(message).not.toContain('hunter2');
					expect(message).not.toMatch(/\p{C}/u);
					expect(message.length).toBeLessThan(8_000);
				},
			),
		);
	});
});

describe('a list of keys that is "true" or "false"', () => {
	test.for(['env', 'require', 'keys', 'prefix', 'keys.web', 'prefix.web'])('envtier.dev/%s', (name) => {
		for (const value of ['true', 'false', 'True', ' true '])
			expect(refused({ [name]: value })).toMatchObject({
				reason: 'bad-annotation',
				message: expect.stringMatching(
					/must be a comma-separated list of .*; "true" and "false" switch nothing on or off here$/,
				),
			});
	});

	test('a key of that name beside another one is a key', () => {
		expect(decide({ require: 'true, A' }).kind).toBe('inject');
	});
});
