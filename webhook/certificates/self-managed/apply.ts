import { type KeyPair, makeAuthority, openAuthority, validityFrom } from '../../../pki/authority.ts';
import type { RotationPolicy, SecretAction } from './decide.ts';
import {
	type Data,
	type DecodedSecret,
	withLeaf,
	withNext,
	withoutEnded,
	withPromoted,
} from './secret-codec.ts';

/** The name of the webhook's Service in the manifests, for people who inspect a certificate. */
const SERVICE = 'envtier-webhook';

/** Performs an action and returns the new content of the Secret. `decoded` is the decoded `data`. */
export async function applyAction(
	action: SecretAction,
	data: Data,
	decoded: DecodedSecret,
	names: readonly string[],
	policy: RotationPolicy,
	now: Date,
): Promise<Data> {
	// Names that another replica asked for stay. During a rollout two replicas may have different names; they
	// must not replace each other's certificate again and again.
	const all = [...new Set([...names, ...decoded.names])];
	const leafOf = async (ca: KeyPair, caEnds = Number.POSITIVE_INFINITY): Promise<KeyPair> => {
		const { notBefore, notAfter } = validityFrom(now, policy.leafLife);
		const authority = await openAuthority(SERVICE, ca);
		return authority.issue(all, { notBefore, notAfter: new Date(Math.min(notAfter.getTime(), caEnds)) });
	};
	switch (action) {
		case 'prepare': {
			const authority = await makeAuthority(SERVICE, now, validityFrom(now, policy.caLife), true);
			return withNext(data, { certPem: authority.certPem, keyPem: await authority.exportKey() });
		}
		case 'promote':
			if (decoded.next === undefined) throw new Error('there is no next CA to promote');
			return withPromoted(data, decoded.next, await leafOf(decoded.next, decoded.state.next?.until), now);
		case 'renew':
			if (decoded.current === undefined) throw new Error('there is no CA to renew with');
			return withLeaf(data, await leafOf(decoded.current, decoded.state.current?.until));
		case 'tidy':
			return withoutEnded(data, now);
		default:
			return action satisfies never;
	}
}
