import { Nothing } from '../schemas/named.ts';
import { type Operation, operation, reply } from '../server/operation.ts';

const show = operation(
	{
		method: 'get',
		path: '/api/whoami',
		id: 'whoami.get',
		summary: 'Show who these credentials identify, and what they carry',
		permission: { resource: 'keys', verb: 'get', needs: 'credentials' },
		responses: { 200: { description: 'the caller', schema: 'WhoAmI' } },
		// It asks no store.
		never: [500],
	},
	Nothing,
	({ caller, note }) => {
		note({ scope: 'whoami' });
		const { subject, kind, email, org, orgs, roles, scopes, user } = caller;
		return Promise.resolve(
			reply(200, {
				...{ subject, kind, org: org ?? '', orgs: orgs ?? (org === undefined ? [] : [org]) },
				...{ roles: [...roles], scopes: [...scopes] },
				...(email === undefined ? {} : { email }),
				...(user === undefined ? {} : { groups: user.groups }),
			}),
		);
	},
);

/** `/api/whoami` */
export const whoamiOperations: readonly Operation[] = [show];
