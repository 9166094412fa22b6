import { useApp } from '../lib/context.ts';
import { Copyable } from './copy.tsx';

/** Why somebody sees nothing of a deployment, and what to ask for. */
export function WhyNot({ deployment }: { readonly deployment: string }) {
	const { me, org } = useApp();
	return (
		<section class="card">
			<h2>Why can’t I see it?</h2>
			<p>
				Either no deployment has this name, or you are not a member of it. You are <code>{me.subject}</code>
				{org && (
					<>
						{' '}
						in the organization <code>{org}</code>
					</>
				)}
				. Ask one of its managers to run this, or to add you under Members:
			</p>
			<Copyable
				text={`envtier deployments members ${deployment} --add ${me.subject} --role viewer`}
				label="Copy the command"
			/>
		</section>
	);
}
