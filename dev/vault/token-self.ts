import { authView } from './login.ts';
import { done, envelope, ok, type Reply, refuse, unsupported } from './reply.ts';
import type { VaultRequest } from './request.ts';
import type { VaultState } from './state.ts';
import type { Token } from './tokens.ts';

/** Answers `auth/token/…-self`; undefined for any other path. */
export function answerTokenSelf(state: VaultState, token: Token, request: VaultRequest): Reply | undefined {
	const { path, verb } = request;
	const writes = verb === 'write';
	switch (path) {
		case 'auth/token/lookup-self':
			return writes || verb === 'read' ? ok(tokenView(token, state.now())) : unsupported;
		case 'auth/token/revoke-self':
			if (!writes) return unsupported;
			state.tokens.revoke(token);
			return done;
		case 'auth/token/renew-self':
			if (!writes) return unsupported;
			if (token.expiresAt === null) return refuse(400, 'invalid lease ID');
			return envelope({ auth: authView(state.tokens.renew(token, state.now())) });
		default:
			return undefined;
	}
}

function tokenView(token: Token, now: number): object {
	const { expiresAt, issuedAt } = token;
	const timed = expiresAt !== null;
	return {
		accessor: token.accessor,
		creation_time: Math.floor(issuedAt / 1000),
		creation_ttl: token.ttlSeconds,
		display_name: token.displayName,
		entity_id: token.entityId,
		expire_time: timed ? new Date(expiresAt).toISOString() : null,
		explicit_max_ttl: 0,
		id: token.id,
		meta: token.meta,
		num_uses: 0,
		orphan: true,
		path: token.path,
		policies: token.policies,
		ttl: timed ? Math.floor((expiresAt - now) / 1000) : 0,
		type: 'service',
		...(timed ? { issue_time: new Date(issuedAt).toISOString(), renewable: true } : {}),
		...(token.namespace === '' ? {} : { namespace_path: token.namespace }),
	};
}
