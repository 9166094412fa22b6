import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	parseSealed,
	SEAL_SCOPES,
	type SealOwner,
	type SealScope,
	sealContext,
	sealedText,
	sealKey,
} from '../../contract/sealed.ts';

const HERE: SealOwner = { namespace: 'shop', deployment: 'web' };

/** What two places have in common by their scope: all, the namespace, nothing else. */
const sameFor = (scope: SealScope, one: SealOwner, other: SealOwner): boolean =>
	scope === 'cluster' ||
	(one.namespace === other.namespace && (scope === 'namespace' || one.deployment === other.deployment));

/** Names that differ little, and in what joins the parts of keys and contexts if anything could. */
const name = fc.stringMatching(/^[ab][-ab.]{0,2}[ab]$/);
const place = fc.record({ namespace: name, deployment: name });

describe('a sealed value', () => {
	// Values in git are opened by these very texts: whoever changes one closes every value that was ever sealed.
	test.each<[SealScope, string, string]>([
		['deployment', 'envtier-deployment_shop_web', 'envtier/deployment/shop/web'],
		['namespace', 'envtier-namespace_shop', 'envtier/namespace/shop'],
		['cluster', 'envtier-cluster', 'envtier/cluster'],
	])('for scope %s is sealed with a key and a context that never change', (scope, key, context) => {
		expect([sealKey(scope, HERE), sealContext(scope, HERE)]).toEqual([key, context]);
	});

	test('of another place has another key and, whoever may use that, another context', () => {
		const scope = fc.constantFrom(...SEAL_SCOPES);
		fc.assert(
			fc.property(scope, scope, place, place, (mine, theirs, here, there) => {
				const same = mine === theirs && sameFor(mine, here, there);
				expect(sealKey(mine, here) === sealKey(theirs, there)).toBe(same);
				expect(sealContext(mine, here) === sealContext(theirs, there)).toBe(same);
			}),
			{ numRuns: 1_000 },
		);
	});

	test.each(SEAL_SCOPES)('says its scope, and is read back (%s)', (scope) => {
		const sealed = { scope, ciphertext: 'vault:v1:8SDd3WHDOjf7mq69' };
		expect(parseSealed(sealedText(sealed))).toEqual({ ok: true, value: sealed });
	});
});
