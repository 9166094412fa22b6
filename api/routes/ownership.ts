import { ok, type Result } from '../../contract/result.ts';
import { type Deployment, findDeployment } from '../deployments/registry.ts';
import { NO_SUCH_SECRET, NOT_YOUR_DEPLOYMENT, NOT_YOUR_TEMPLATE, type Problem, refuse } from '../problem.ts';
import { folderOf, type Place, type Spot, userSegment } from '../secrets/secret-location.ts';
import type { Call } from '../server/operation.ts';
import { ownTemplate, type Viewer } from '../templates/templates.ts';

/** The place that `deploymentName` and `serviceName` mean, whosever it is: `owned` tells that. */
export function placeMeant(
	caller: Viewer,
	deploymentName: string,
	serviceName: string,
): Result<Place, Problem> {
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

/** A place that a caller may write to. */
export interface Owned {
	readonly place: Place;
	/** Whether it still belongs to the same deployment or template, and to the caller. */
	readonly isStill: () => Promise<Result<void, Problem>>;
}

const always = (): Promise<Result<void, Problem>> => Promise.resolve(ok(undefined));

/**
 * Notes that `place`, or the secret with a key there, was tried, and gives it as a place to write to if it is the caller's; organizations are
 * not reached this way.
 */
export async function owned(
	{ store, identity: caller, note }: Pick<Call<unknown>, 'store' | 'identity' | 'note'>,
	{ place, key }: Pick<Spot, 'place'> & Partial<Spot>,
): Promise<Result<Owned, Problem>> {
	// Before it is known whose it is: what somebody tried elsewhere is what an audit is read for.
	note({ scope: folderOf(place), ...(key === undefined ? {} : { key }) });
	switch (place.kind) {
		case 'org':
			return refuse(404, NO_SUCH_SECRET);
		case 'user':
			return place.user === userSegment(caller.subject)
				? ok({ place, isStill: always })
				: refuse(404, NO_SUCH_SECRET);
		case 'deployment': {
			const find = async (): Promise<Deployment | undefined> => {
				const deployment = await findDeployment(store, place.deployment);
				return deployment?.owner === caller.subject ? deployment : undefined;
			};
			const deployment = await find();
			if (deployment === undefined) return refuse(403, NOT_YOUR_DEPLOYMENT);
			const isStill = async (): Promise<Result<void, Problem>> =>
				(await find())?.createdAt === deployment.createdAt ? ok(undefined) : refuse(403, NOT_YOUR_DEPLOYMENT);
			return ok({ place, isStill });
		}
		case 'template': {
			const template = await ownTemplate(store, place.template, caller);
			if (!template.ok) return template;
			const { stamp } = template.value;
			const isStill = async (): Promise<Result<void, Problem>> => {
				const now = await ownTemplate(store, place.template, caller);
				return now.ok && now.value.stamp === stamp ? ok(undefined) : refuse(403, NOT_YOUR_TEMPLATE);
			};
			return ok({ place, isStill });
		}
		default:
			return place satisfies never;
	}
}
