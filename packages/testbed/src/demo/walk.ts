/** The walk-through, command by command: what is typed, what it prints, and whether that is what it must be. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { request, Agent } from 'undici';
import { readFileSync } from 'node:fs';
import { DEMO_GROUPS } from '../issuer/index.ts';
import { ROOT } from './service.ts';
import { run, start, type Ran, type Terminal } from './shell.ts';
import { CLUSTER, type Stage } from './stage.ts';

/** A step that did not give what it must. */
export class StepFailed extends Error {}

export class Walk {
  readonly #stage: Stage;
  #step = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** All of it, in order. Throws StepFailed at the first step that goes wrong. */
  async all(agents: number): Promise<void> {
    await this.#join(agents);
    await this.#grant();
    await this.#alice();
    await this.#bob();
    await this.#mallory();
    await this.#serviceAccount();
    await this.#proxy();
  }

  async #join(agents: number): Promise<void> {
    this.#title('The administrator adds the cluster; its agent dials out with the one-time join token');
    const admin = this.#terminal('admin');
    await this.#signIn('admin', admin);
    const { stdout } = await this.#type(admin, `fairlead clusters add ${CLUSTER}`);
    await this.#stage.addAgent(stdout.trim());
    for (let more = 1; more < agents; more++) {
      await this.#stage.addAgent(stdout.trim());
    }
    const listed = await this.#type(admin, 'fairlead clusters list');
    must(/demo\s.*(yes|true|connected)/i.test(listed.stdout), 'the cluster is connected');
  }

  async #grant(): Promise<void> {
    this.#title('In the cluster, with direct access: bind the user, the group, the service account');
    const direct = this.#direct();
    await this.#type(
      direct,
      'kubectl create clusterrolebinding demo-user-binding --clusterrole cluster-admin --user=alice@fairlead.example',
    );
    await this.#type(
      direct,
      `kubectl create clusterrolebinding demo-group-binding --clusterrole view --group=${DEMO_GROUPS.viewers}`,
    );
    await this.#type(direct, 'kubectl create serviceaccount demo-user -n default');
    await this.#type(
      direct,
      'kubectl create clusterrolebinding demo-sa-binding --clusterrole cluster-admin --serviceaccount default:demo-user',
    );
    await this.#type(
      direct,
      `kubectl apply -f - <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: demo-user-secret
  annotations:
    kubernetes.io/service-account.name: demo-user
type: kubernetes.io/service-account-token
EOF`,
    );
    await this.#type(
      direct,
      `for i in 1 2 3 4 5 6 7 8 9 10; do kubectl get secret demo-user-secret -o jsonpath='{.data.token}' | base64 -d > demo-user.token; [ -s demo-user.token ] && break; sleep 1; done; chmod 600 demo-user.token`,
    );
    must(
      readFileSync(join(this.#stage.dir, 'demo-user.token')).length > 0,
      'the service account has a token',
    );
  }

  async #alice(): Promise<void> {
    this.#title(
      "Alice, on another device that knows only the relay's URL: no inbound port, no local process",
    );
    const alice = this.#terminal('alice');
    await this.#signIn('alice', alice);
    await this.#type(alice, `fairlead kubeconfig -n ${CLUSTER} -f alice.kubeconfig`);
    const relayed = await this.#type(alice, 'kubectl get pods -A');
    must(/Running/.test(relayed.stdout), 'pods are listed');
    const who = await this.#type(alice, 'kubectl auth whoami');
    must(who.stdout.includes('alice@fairlead.example'), 'she acts as herself');
    await this.#type(alice, "kubectl exec -n shop deploy/web -- sh -c 'echo hello from the pod; exit 7'", {
      code: 7,
    });
  }

  async #bob(): Promise<void> {
    this.#title('Bob is in a group that may view');
    const bob = this.#terminal('bob');
    await this.#signIn('bob', bob);
    await this.#type(bob, `fairlead kubeconfig -n ${CLUSTER} -f bob.kubeconfig`);
    const pods = await this.#type(bob, 'kubectl get pods -n shop');
    must(/Running/.test(pods.stdout), 'bob sees pods');
    const refused = await this.#type(bob, 'kubectl delete namespace shop', { code: 1 });
    must(/Forbidden.*bob@fairlead\.example/s.test(refused.stderr), "the cluster's RBAC refuses bob by name");
  }

  async #mallory(): Promise<void> {
    this.#title('Mallory can sign in, but has no access to the cluster');
    const mallory = this.#terminal('mallory');
    await this.#signIn('mallory', mallory);
    const listed = await this.#type(mallory, 'fairlead clusters list');
    must(!listed.stdout.includes(CLUSTER), 'mallory does not see the cluster');
    this.#personKubeconfig('mallory');
    const refused = await this.#type(mallory, 'kubectl get pods -A', { code: 1 });
    must(/ERR_FORBIDDEN_CLUSTER/.test(refused.stderr), 'mallory is refused at the relay');
  }

  async #serviceAccount(): Promise<void> {
    this.#title("The service account's own token works too, for this cluster only; the API server judges it");
    this.#write(
      'serviceAccount.kubeconfig',
      kubeconfig(this.#stage, { tokenFile: join(this.#stage.dir, 'demo-user.token') }),
    );
    const account = this.#terminal('serviceAccount');
    const pods = await this.#type(account, 'kubectl get pods -A');
    must(/Running/.test(pods.stdout), 'pods are listed');
    const who = await this.#type(account, 'kubectl auth whoami');
    must(who.stdout.includes('system:serviceaccount:default:demo-user'), 'it acts as itself');
  }

  async #proxy(): Promise<void> {
    this.#title('And as "az connectedk8s proxy" does: a local proxy that blocks its shell');
    const alice = this.#terminal('alice');
    for (const [who, more] of [
      ['alice', ''],
      ['the service account', ' --token-file demo-user.token'],
    ] as const) {
      const command = `fairlead proxy -n ${CLUSTER} -f proxy.kubeconfig --port 0${more}`;
      process.stdout.write(`\n  $ ${command}      (as ${who})\n`);
      const proxy = start(alice, command);
      await proxy.said('Press Ctrl+C to close proxy.');
      const other = {
        ...alice,
        env: { ...alice.env, KUBECONFIG: join(this.#stage.dir, 'proxy.kubeconfig') },
      };
      const pods = await this.#type(other, 'kubectl get pods -A');
      must(/Running/.test(pods.stdout), 'pods are listed through the proxy');
      process.stdout.write('\n  ^C\n');
      must((await proxy.interrupt()) === 0, 'the proxy ends cleanly');
    }
  }

  /** Device code sign-in; what a person would do in the browser is done here. */
  async #signIn(person: string, terminal: Terminal): Promise<void> {
    let entered = false;
    await this.#type(terminal, `fairlead login --relay ${this.#stage.relayUrl} --ca-file ca.crt --device`, {
      watch: (stderr) => {
        const code = /enter the code (\S+)/.exec(stderr)?.[1];
        if (code === undefined || entered) return;
        entered = true;
        process.stdout.write(`    (${person} opens the page, enters the code and signs in)\n`);
        void this.#enterCode(code, person);
      },
    });
  }

  async #enterCode(code: string, person: string): Promise<void> {
    const dispatcher = new Agent({ connect: { ca: readFileSync(this.#stage.caFile) } });
    const form = new URLSearchParams({ user_code: code, person });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await request(`${this.#stage.issuer.url}/device`, {
      method: 'POST',
      body: form.toString(),
      headers,
      dispatcher,
    });
    await dispatcher.close();
  }

  /** Kubeconfig of a person who may not use the cluster, and so gets none from `fairlead kubeconfig`. */
  #personKubeconfig(person: string): void {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: join(ROOT, 'bin/fairlead'),
      args: ['get-token', '--relay', this.#stage.relayUrl],
      env: [{ name: 'FAIRLEAD_HOME', value: join(this.#stage.dir, 'home', person) }],
      interactiveMode: 'Never',
    };
    this.#write(`${person}.kubeconfig`, kubeconfig(this.#stage, { exec }));
  }

  #write(name: string, value: object): void {
    writeFileSync(join(this.#stage.dir, name), stringify(value), { mode: 0o600 });
  }

  #direct(): Terminal {
    return { cwd: this.#stage.dir, env: { ...this.#path(), KUBECONFIG: this.#stage.target.kubeconfig } };
  }

  #terminal(person: string): Terminal {
    const { dir } = this.#stage;
    const env = {
      FAIRLEAD_HOME: join(dir, 'home', person),
      KUBECONFIG: join(dir, `${person}.kubeconfig`),
      FAIRLEAD_NO_BROWSER: '1',
    };
    return { cwd: dir, env: { ...this.#path(), ...env } };
  }

  #path(): NodeJS.ProcessEnv {
    return {
      PATH: `${join(ROOT, 'bin')}:${this.#stage.kubectlDir}:${process.env['PATH'] ?? ''}`,
    };
  }

  #title(text: string): void {
    this.#step += 1;
    process.stdout.write(`\n${this.#step}. ${text}\n`);
  }

  async #type(
    terminal: Terminal,
    command: string,
    expected: { code?: number; watch?: (stderr: string) => void } = {},
  ): Promise<Ran> {
    process.stdout.write(`\n  $ ${command.replaceAll('\n', '\n  > ')}\n`);
    const ran = await run(terminal, command, expected.watch);
    must(
      ran.code === (expected.code ?? 0),
      `'${command.split('\n')[0]}' ended with code ${ran.code}, not ${expected.code ?? 0}`,
    );
    return ran;
  }
}

function kubeconfig(stage: Stage, user: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: CLUSTER,
        cluster: { server: `${stage.relayUrl}/clusters/${CLUSTER}`, 'certificate-authority': stage.caFile },
      },
    ],
    users: [{ name: 'user', user }],
    contexts: [{ name: CLUSTER, context: { cluster: CLUSTER, user: 'user' } }],
    'current-context': CLUSTER,
  };
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new StepFailed(what);
}
