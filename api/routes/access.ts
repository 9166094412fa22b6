import { ok, type Result } from '../../contract/result.ts';
import type { Call } from '../operation.ts';
import { folderOf, type Place, type Spot, userSegment } from '../places.ts';
import { NO_SUCH_SECRET, NOT_YOUR_DEPLOYMENT, type Problem, refuse } from '../problem.ts';
import { findDeployment } from '../registry.ts';
import { ownTemplate, type Viewer } from '../templates.ts';

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

/**
 * Notes that `place`, or the secret with a key there, was tried, and gives the same place again if it is the caller's; organizations are
 * not reached this way.
 */
export async function owned(
	{ store, identity: caller, note }: Pick<Call<unknown>, 'store' | 'identity' | 'note'>,
	{ place, key }: Pick<Spot, 'place'> & Partial<Spot>,
): Promise<Result<Place, Problem>> {
	// Before it is known whose it is: what somebody tried elsewhere is what an audit is read for.
	note({ scope: folderOf(place), ...(key === undefined ? {} : { key }) });
	switch (place.kind) {
		case 'org':
			return refuse(404, NO_SUCH_SECRET);
		case 'user':
			return place.user === userSegment(caller.subject) ? ok(place) : refuse(404, NO_SUCH_SECRET);
		case 'deployment': {
			const deployment = await findDeployment(store, place.deployment);
			return deployment?.owner === caller.subject ? ok(place) : refuse(403, NOT_YOUR_DEPLOYMENT);
		}
		case 'template': {
			const template = await ownTemplate(store, place.template, caller);
			return template.ok ? ok(place) : template;
		}
		default:
			return place satisfies never;
	}
}
