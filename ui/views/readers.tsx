import { useApp } from '../lib/context.ts';
import { useLoad } from '../lib/load.ts';
import { Link } from '../parts/link.tsx';
import { Shown } from '../parts/states.tsx';
import { Who } from '../parts/when.tsx';
import { canRead, type Members } from '../state/members.ts';

/** Who can read the values of a deployment. */
export function Readers({ deployment, org }: { readonly deployment: string; readonly org: string }) {
	const { config } = useApp();
	const loaded = useLoad<Members>(`/api/deployments/${encodeURIComponent(deployment)}/members`);
	return (
		<section class="card">
			<h2>Who can read the value</h2>
			<p>
				No one in this dashboard. Pods of {deployment} get it when they start.{' '}
				{config.revealUrl === ''
					? 'If the Reveal program is installed:'
					: 'On the page of the Reveal program:'}
			</p>
			<Shown loaded={loaded} what="members">
				{({ members }) => (
					<ul class="facts">
						{members.filter(canRead).map(({ member, role }) => (
							<li key={member}>
								<Who subject={member} /> ({role})
							</li>
						))}
						<li>Admins of {org}, with an elevation: a reason, for 15 minutes at most.</li>
					</ul>
				)}
			</Shown>
			<p>
				<Link to={['deployments', deployment, 'members']}>See all members and what each role may do</Link>
			</p>
		</section>
	);
}
