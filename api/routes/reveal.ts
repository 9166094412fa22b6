import type { z } from 'zod';
import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { authorizeDeployment } from '../access/authorize.ts';
import { type Problem, refuse } from '../problem.ts';
import { type ElevationTarget, targetsFor } from '../reveal/elevation.ts';
import type { RevealServices } from '../reveal/services.ts';
import { type RevealedValue, RevealRequest } from '../schemas/reveal.ts';
import { folderOf, pathOf, type SecretLocation, type SecretRef } from '../secrets/secret-location.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';
import { withState } from '../typed/state.ts';

const NO_VALUE = 'there is no such secret, or it has no value now';
const ELEVATE =
	'while you hold a role in the organization, showing a value needs an elevation: POST /api/elevations (envtier elevate)';

/** The part of the Reveal program. Only its operations call this. */
export function revealOf({ reveal }: Pick<Call<unknown>, 'reveal'>): RevealServices {
	if (reveal === undefined) throw new Error('an operation of the Reveal program runs in another program');
	return reveal;
}

/** The right to see one value: the elevation if one is needed, and a check that the right is still there. */
interface RevealRight {
	/** Empty without an elevation. */
	readonly elevation: string;
	readonly again: () => Promise<Result<RevealRight, Problem>>;
}

/** Decides from what Vault has now. */
async function rightTo(call: Call<z.output<typeof RevealRequest>>): Promise<Result<RevealRight, Problem>> {
	const { caller, input, authorize } = call;
	const again = () => rightTo(call);
	const elevated = async (targets: readonly ElevationTarget[]): Promise<Result<RevealRight, Problem>> => {
		for (const target of targets) {
			const elevation = await revealOf(call).elevations.active(target, caller.subject);
			if (elevation !== undefined) return ok({ elevation: elevation.id, again });
		}
		return refuse(403, ELEVATE);
	};
	if (input.deployment === undefined) {
		const name = input.org ?? '';
		const admin = await authorizeOrg(call, name, authorize);
		return admin.ok ? await elevated([{ kind: 'org', name }]) : admin;
	}
	const granted = await authorizeDeployment(call, 'reveal', input.deployment);
	if (!granted.ok) return granted;
	return granted.value.decision === 'yes'
		? ok({ elevation: '', again })
		: await elevated(targetsFor(input.deployment, granted.value.access));
}

/** Allows callers with a role in an organization, which must be that of the call. */
export async function authorizeOrg(
	{ caller }: Pick<Call<unknown>, 'caller'>,
	org: string,
	authorize: Call<unknown>['authorize'],
): Promise<Result<void, Problem>> {
	const admin = await authorize({ resource: 'orgsecrets', verb: 'reveal', needs: 'org-role' });
	if (!admin.ok) return admin;
	return caller.org === org
		? ok(undefined)
		: refuse(403, 'this is not the organization that your credentials belong to');
}

function locationOf({ deployment, service, org = '' }: z.output<typeof RevealRequest>): SecretLocation {
	if (deployment === undefined) return { kind: 'org', org };
	return { kind: 'deployment', deployment, ...(service === undefined ? {} : { service }) };
}

const reveal = operation(
	{
		method: 'post',
		path: '/api/reveal',
		id: 'secrets.reveal',
		summary: 'Show the value of a secret, for a reason that is audited',
		permission: { resource: 'secrets', verb: 'reveal', needs: 'location' },
		body: 'RevealRequest',
		responses: {
			200: { description: 'the value', schema: 'RevealedValue' },
			403: { description: 'not yours, or none; or an elevation is needed', schema: 'Problem' },
			404: { description: 'the secret has no value', schema: 'Problem' },
		},
	},
	RevealRequest,
	async (call) => {
		const { input, caller, note, requestId, requireAudit } = call;
		const location = locationOf(input);
		const { key, reason } = input;
		note({ scope: folderOf(location), key, reason });
		const right = await rightTo(call);
		if (!right.ok) return right;
		const { elevation } = right.value;
		note({ scope: folderOf(location), key, reason, ...(elevation === '' ? {} : { elevation }) });
		const audited = await requireAudit();
		if (!audited.ok) return audited;
		const login = await revealOf(call).logIn('reveal');
		try {
			// Once more, just before the read: a demotion that was answered holds.
			const still = await right.value.again();
			if (!still.ok) return still;
			const reading = { actor: caller.subject, reason, elevation, requestId };
			const read = await login.read(pathOf({ location, key }), undefined, reading);
			const value = read?.fields[VALUE_FIELD];
			if (read === undefined || value === undefined) return refuse(404, NO_VALUE);
			// After the value: a change that began in between is told.
			const incomplete = await incompleteAt(call, { location, key });
			return reply(200, { key, value, version: read.version, elevation, ...incomplete });
		} finally {
			await login.end();
		}
	},
);

/** Whether the key's typed secret is half written: a user name and a password may not belong together. */
async function incompleteAt(
	{ store }: Pick<Call<unknown>, 'store'>,
	ref: SecretRef,
): Promise<Pick<z.input<typeof RevealedValue>, 'incomplete'>> {
	const head = await store.head(pathOf(ref));
	const found = head && (await withState(store, ref, head));
	return found?.incomplete === undefined ? {} : { incomplete: found.incomplete };
}

/** `/api/reveal` */
export const revealOperations: readonly Operation[] = [reveal];
