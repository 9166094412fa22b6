import { useState } from 'preact/hooks';
import { useApp } from '../lib/context.ts';
import { useLoad } from '../lib/load.ts';
import { navigate } from '../lib/router.ts';
import { useChange } from '../lib/use-change.ts';
import { Confirm } from '../parts/dialog.tsx';
import { Link, useHref } from '../parts/link.tsx';
import { Empty, Problem, Shown } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { When, Who } from '../parts/when.tsx';
import { declaredText, type Template } from '../state/templates.ts';
import { NewTemplate } from './new-template.tsx';

/** The templates that the person may use. */
export function TemplatesView() {
	const loaded = useLoad<readonly Template[]>('/api/templates');
	const [creating, setCreating] = useState(false);
	return (
		<>
			<div class="page-head">
				<h1>Templates</h1>
				<button type="button" class="button primary" onClick={() => setCreating(true)}>
					New template
				</button>
			</div>
			<Shown loaded={loaded} what="templates">
				{(templates) =>
					templates.length === 0 ? (
						<Empty title="No templates yet">
							<p>
								A template says which secrets each service needs. Deployments that are made from it show what
								is missing.
							</p>
						</Empty>
					) : (
						<Table heads={['Name', 'Services', 'Owner', 'Shared', 'Created']}>
							{templates.map((one) => (
								<tr key={one.name}>
									<th scope="row">
										<Link to={['templates', one.name]}>{one.name}</Link>
									</th>
									<td data-label="Services">{one.services.map(({ name }) => name).join(', ') || '–'}</td>
									<td data-label="Owner">
										<Who subject={one.owner} />
									</td>
									<td data-label="Shared">{one.shared ? `with ${one.org}` : 'no'}</td>
									<td data-label="Created">
										<When time={one.createdAt} />
									</td>
								</tr>
							))}
						</Table>
					)
				}
			</Shown>
			{creating && <NewTemplate onClose={() => setCreating(false)} />}
		</>
	);
}

/** One template: what each service needs, and what has no value yet. */
export function TemplateView({ name }: { readonly name: string }) {
	const path = `/api/templates/${encodeURIComponent(name)}`;
	const loaded = useLoad<Template>(path);
	const { me } = useApp();
	const url = useHref();
	const { problem, change } = useChange();
	const [deleting, setDeleting] = useState(false);
	const act = async (
		method: string,
		to: string,
		body: object,
		done: () => Promise<unknown>,
	): Promise<void> => {
		const answer = await change(method, to, body);
		if (answer.ok) await done();
	};
	return (
		<>
			<p class="crumbs">
				<Link to={['templates']}>Templates</Link>
			</p>
			<h1>{name}</h1>
			<Problem text={problem} />
			<Shown loaded={loaded} what="the template">
				{({ services, missing = [], owner, shared, org }) => (
					<>
						{services.map((service) => (
							<section class="card" key={service.name}>
								<h2>{service.name}</h2>
								<ul class="facts">
									{(service.secrets ?? []).map((secret) => (
										<li key={declaredText(secret)}>
											<code>{declaredText(secret)}</code> {secret.description}
											{missing.some(
												({ key, serviceName }) => key === secret.key && serviceName === service.name,
											) && <span class="badge">no value in the template</span>}
										</li>
									))}
								</ul>
							</section>
						))}
						{owner === me.subject && (
							<div class="row wrap">
								<button
									type="button"
									class="button"
									onClick={() => void act('PUT', path, { shared: !shared }, loaded.reload)}
								>
									{shared ? `Stop sharing with ${org}` : `Share with ${org}`}
								</button>
								<button type="button" class="button danger" onClick={() => setDeleting(true)}>
									Delete the template
								</button>
							</div>
						)}
					</>
				)}
			</Shown>
			{deleting && (
				<Confirm
					title={`Delete the template ${name}?`}
					yes="Delete"
					no="Cancel"
					danger
					onAnswer={(yes) => {
						setDeleting(false);
						if (yes) void act('DELETE', '/api/templates', { name }, () => navigate(url(['templates'])));
					}}
				>
					<p>Its own values are removed. Deployments that were made from it keep theirs.</p>
				</Confirm>
			)}
		</>
	);
}
