import { ok, type Result } from '../../contract/result.ts';
import { authorizeDeployment } from '../access/authorize.ts';
import { type DeploymentOperation, REQUIREMENTS } from '../access/operations.ts';
import { NO_SUCH_SECRET, NOT_YOUR_TEMPLATE, type Problem, refuse } from '../problem.ts';
import { folderOf, type SecretLocation, type SecretRef, userSegment } from '../secrets/secret-location.ts';
import type { Call } from '../server/operation.ts';
import { ownTemplate, type Viewer } from '../templates/templates.ts';

/** The location for `deploymentName` and `serviceName`. Does not check its owner: `requireOwned` does. */
export function locationFor(
	caller: Viewer,
	deploymentName: string,
	serviceName: string,
): Result<SecretLocation, Problem> {
	if (deploymentName === '') {
		if (serviceName !== '')
			return refuse(400, 'serviceName needs a deploymentName: a service is part of one');
		return ok({ kind: 'user', user: userSegment(caller.subject) });
	}
	const service = serviceName === '' ? {} : { service: serviceName };
	const template = /^template:(.*)$/.exec(deploymentName)?.[1];
	return ok(
		template === undefined
			? { kind: 'deployment', deployment: deploymentName, ...service }
			: { kind: 'template', template, ...service },
	);
}

/** A location that the caller may write to. */
export interface OwnedLocation {
	readonly location: SecretLocation;
	/** Checks that the location still belongs to the same deployment or template, and to the caller. */
	readonly isStillOwned: () => Promise<Result<void, Problem>>;
}

const always = (): Promise<Result<void, Problem>> => Promise.resolve(ok(undefined));

/** The parts of a call that `requireOwned` needs. */
type OwnershipCall = Pick<Call<unknown>, 'store' | 'accessMode' | 'caller' | 'note' | 'authorize'>;

/**
 * Notes that the call names `location`, or a key there. Returns it as a location to work on if the caller may
 * do the operation there: as a member of the deployment or by a role in its organization, or as the owner of
 * the template or of the user-wide secret. Not for locations of organizations.
 */
export async function requireOwned(
	call: OwnershipCall,
	operation: DeploymentOperation,
	{ location, key }: Pick<SecretRef, 'location'> & Partial<SecretRef>,
): Promise<Result<OwnedLocation, Problem>> {
	const { store, caller, note, authorize } = call;
	// Before the check of the owner: an audit must show attempts on locations of others.
	note({ scope: folderOf(location), ...(key === undefined ? {} : { key }) });
	if (location.kind !== 'deployment') {
		const allowed = await authorize({ ...REQUIREMENTS[operation].member, needs: 'scope-alone' });
		if (!allowed.ok) return allowed;
	}
	switch (location.kind) {
		case 'org':
			return refuse(404, NO_SUCH_SECRET);
		case 'user':
			return location.user === userSegment(caller.subject)
				? ok({ location, isStillOwned: always })
				: refuse(404, NO_SUCH_SECRET);
		case 'deployment': {
			const granted = await authorizeDeployment(call, operation, location.deployment);
			return granted.ok ? ok({ location, isStillOwned: granted.value.isStillGranted }) : granted;
		}
		case 'template': {
			const template = await ownTemplate(store, location.template, caller);
			if (!template.ok) return template;
			const { stamp } = template.value;
			const isStillOwned = async (): Promise<Result<void, Problem>> => {
				const now = await ownTemplate(store, location.template, caller);
				return now.ok && now.value.stamp === stamp ? ok(undefined) : refuse(403, NOT_YOUR_TEMPLATE);
			};
			return ok({ location, isStillOwned });
		}
		default:
			return location satisfies never;
	}
}
