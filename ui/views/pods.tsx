import { useState } from 'preact/hooks';
import { useLoad } from '../lib/load.ts';
import { Copyable } from '../parts/copy.tsx';
import { Field } from '../parts/field.tsx';
import { Shown } from '../parts/states.tsx';
import { annotationsFor, consumersCommand } from '../state/texts.ts';
import type { Summary } from '../state/types.ts';
import { DeploymentHead } from './tabs.tsx';

/** How pods get these secrets, and how to find the pods that do. */
export function PodsView({ name }: { readonly name: string }) {
	const loaded = useLoad<Summary>(`/api/deployments/${encodeURIComponent(name)}/summary`);
	const [service, setService] = useState('');
	const [key, setKey] = useState('DATABASE_URL');
	return (
		<>
			<DeploymentHead name={name} tab="pods" />
			<Shown loaded={loaded} what="the services">
				{({ services }) => (
					<>
						<section class="card">
							<h2>Give these secrets to a pod</h2>
							<Field label="Service">
								<select value={service} onChange={(event) => setService(event.currentTarget.value)}>
									<option value="">None: the organization and the deployment only</option>
									{services.map((one) => (
										<option key={one}>{one}</option>
									))}
								</select>
							</Field>
							<p>Add these annotations to the pod, or to the template of its pods in a Deployment:</p>
							<Copyable text={annotationsFor(name, service)} label="Copy the annotations" />
						</section>
						<section class="card">
							<h2>Find the pods that use a key</h2>
							<p>The API has no rights on pods. The command line asks the cluster with your own rights:</p>
							<Field label="Key">
								<input
									value={key}
									spellcheck={false}
									onInput={(event) => setKey(event.currentTarget.value)}
								/>
							</Field>
							<Copyable text={consumersCommand(key, name, service)} label="Copy the command" />
						</section>
					</>
				)}
			</Shown>
		</>
	);
}
