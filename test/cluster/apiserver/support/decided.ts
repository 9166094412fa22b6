import type { V1Pod } from '@kubernetes/client-node';
import { call } from '../../../support/http.ts';
import { until } from '../../../support/until.ts';
import type { RunningWebhook } from '../../../support/webhook.ts';
import { review } from '../../../webhook/support/request.ts';

/** The answer of a webhook to a review. */
interface Review {
	readonly response: {
		readonly allowed: boolean;
		readonly patch?: string;
		readonly status?: { readonly message: string };
	};
}

/** What a webhook says about a pod once it knows the version of its API server. */
export async function decidedOn(webhook: RunningWebhook, pod: V1Pod): Promise<Review['response']> {
	return await until('the webhook to know the version', async () => {
		const { json } = await call({
			...{ url: `${webhook.url}/mutate`, caPem: webhook.caPem, method: 'POST' },
			body: review(pod, { namespace: 'shop' }),
		});
		const { response } = json as Review;
		return response.status?.message.includes('does not know the API server’s version yet')
			? undefined
			: response;
	});
}
