import { ok, type Result } from '../../contract/result.ts';
import { type Deployment, findDeployment } from '../deployments/registry.ts';
import { NO_SUCH_SECRET, NOT_YOUR_DEPLOYMENT, NOT_YOUR_TEMPLATE, type Problem, refuse } from '../problem.ts';
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

/**
 * Notes that the call names `location`, or a key there. Returns it as a location to write to if the caller
 * owns it. Not for locations of organizations.
 */
export async function requireOwned(
	{ store, caller, note }: Pick<Call<unknown>, 'store' | 'caller' | 'note'>,
	{ location, key }: Pick<SecretRef, 'location'> & Partial<SecretRef>,
): Promise<Result<OwnedLocation, Problem>> {
	// Before the check of the owner: an audit must show attempts on locations of others.
	note({ scope: folderOf(location), ...(key === undefined ? {} : { key }) });
	switch (location.kind) {
		case 'org':
			return refuse(404, NO_SUCH_SECRET);
		case 'user':
			return location.user === userSegment(caller.subject)
				? ok({ location, isStillOwned: always })
				: refuse(404, NO_SUCH_SECRET);
		case 'deployment': {
			const find = async (): Promise<Deployment | undefined> => {
				const deployment = await findDeployment(store, location.deployment);
				return deployment?.owner === caller.subject ? deployment : undefined;
			};
			const deployment = await find();
			if (deployment === undefined) return refuse(403, NOT_YOUR_DEPLOYMENT);
			const isStillOwned = async (): Promise<Result<void, Problem>> =>
				(await find())?.createdAt === deployment.createdAt ? ok(undefined) : refuse(403, NOT_YOUR_DEPLOYMENT);
			return ok({ location, isStillOwned });
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
