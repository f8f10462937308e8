// What requests mean: in the manner of k8s.io/apiserver/pkg/endpoints/request/requestinfo_test.go, our own cases (C24, C25).
import t from 'tap';
import { requestInfo } from '../src/index.ts';

type Row = [
  method: string,
  target: string,
  verb: string,
  group: string,
  version: string,
  namespace: string,
  resource: string,
  subresource: string,
  name: string,
];

t.test('resource requests', async (t) => {
  const rows: Row[] = [
    ['GET', '/api/v1/namespaces', 'list', '', 'v1', '', 'namespaces', '', ''],
    ['GET', '/api/v1/namespaces/a', 'get', '', 'v1', 'a', 'namespaces', '', 'a'],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update', '', 'v1', 'a', 'namespaces', 'finalize', 'a'],
    ['PATCH', '/api/v1/namespaces/a/status', 'patch', '', 'v1', 'a', 'namespaces', 'status', 'a'],
    ['DELETE', '/api/v1/namespaces/a', 'delete', '', 'v1', 'a', 'namespaces', '', 'a'],
    ['GET', '/api/v1/namespaces/a/pods', 'list', '', 'v1', 'a', 'pods', '', ''],
    ['HEAD', '/api/v1/namespaces/a/pods/p/', 'get', '', 'v1', 'a', 'pods', '', 'p'],
    ['POST', '/api/v1/namespaces/a/pods', 'create', '', 'v1', 'a', 'pods', '', ''],
    ['DELETE', '/api/v1/namespaces/a/pods', 'deletecollection', '', 'v1', 'a', 'pods', '', ''],
    ['GET', '/api/v1/pods', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/namespaces/a/pods/p/exec?command=sh', 'get', '', 'v1', 'a', 'pods', 'exec', 'p'],
    ['POST', '/api/v1/namespaces/a/pods/p/exec', 'create', '', 'v1', 'a', 'pods', 'exec', 'p'],
    ['GET', '/api/v1/namespaces/a/pods/p/log?follow=true', 'get', '', 'v1', 'a', 'pods', 'log', 'p'],
    ['GET', '/api/v1/nodes/n/proxy/exec/a/p/c', 'get', '', 'v1', '', 'nodes', 'proxy', 'n'],
    [
      'GET',
      '/api/v1/namespaces/a/services/https:s:443/proxy/x/y',
      'get',
      '',
      'v1',
      'a',
      'services',
      'proxy',
      'https:s:443',
    ],
    ['GET', '/api/v1/proxy/namespaces/a/pods/p/x', 'proxy', '', 'v1', 'a', 'pods', '', 'p'],
    ['GET', '/api/v1/watch/pods', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/watch/namespaces/a/pods/p', 'watch', '', 'v1', 'a', 'pods', '', 'p'],
    [
      'PATCH',
      '/api/v1/namespaces/a/pods/p/ephemeralcontainers',
      'patch',
      '',
      'v1',
      'a',
      'pods',
      'ephemeralcontainers',
      'p',
    ],
    [
      'GET',
      '/apis/apps/v1/namespaces/a/deployments/d/scale',
      'get',
      'apps',
      'v1',
      'a',
      'deployments',
      'scale',
      'd',
    ],
    [
      'POST',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      'create',
      'authorization.k8s.io',
      'v1',
      '',
      'selfsubjectaccessreviews',
      '',
      '',
    ],
    ['OPTIONS', '/api/v1/pods', '', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/namespaces/a/pods?watch', 'watch', '', 'v1', 'a', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=true', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=anything', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=False', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=0&watch=1', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?w%61tch=1', 'watch', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?watch=%zz&a;watch=1', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dp', 'list', '', 'v1', '', 'pods', '', 'p'],
    [
      'GET',
      '/api/v1/pods?watch=1&fieldSelector=spec.nodeName!=x,metadata.name==p',
      'watch',
      '',
      'v1',
      '',
      'pods',
      '',
      'p',
    ],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name!=p', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name=a/b', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name=p,broken', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name=a%5C%2Cb', 'list', '', 'v1', '', 'pods', '', 'a,b'],
    [
      'DELETE',
      '/api/v1/pods?fieldSelector=metadata.name=p',
      'deletecollection',
      '',
      'v1',
      '',
      'pods',
      '',
      '',
    ],
    ['GET', '//api/v1/pods//', 'list', '', 'v1', '', 'pods', '', ''],
    ['GET', '/%61pi/v1/namespaces/a/pods/p%2Fexec', 'get', '', 'v1', 'a', 'pods', 'exec', 'p'],
    ['GET', '/api/v1/namespaces/a/pods//exec', 'list', '', 'v1', 'a', 'pods', 'exec', ''],
    ['GET', '/api/v1/watch', 'get', '', 'v1', '', '', '', ''],
  ];
  for (const [method, target, verb, group, version, namespace, resource, subresource, name] of rows) {
    const info = requestInfo(method, target);
    t.match(
      info,
      { isResource: true, verb, group, version, namespace, resource, subresource, name },
      `${method} ${target}`,
    );
  }
});

t.test('requests that are about no resource have their method as verb', async (t) => {
  for (const target of [
    '/',
    '',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/version',
    '/openapi/v3/api/v1',
    '/healthz/ping/x/y',
    '/API/v1/pods',
    '/api//pods',
    '/logs/a/b',
  ]) {
    const info = requestInfo('GET', target);
    if (target === '/api//pods') t.match(info, { isResource: true, version: '', resource: 'pods' });
    else t.match(info, { isResource: false, verb: 'get', resource: '', name: '' }, target);
  }
  t.equal(requestInfo('POST', '/version?x').verb, 'post');
  t.equal(requestInfo('GET', '/a%20b?x').path, '/a b');
});

t.test('long-running requests are those of kube-apiserver', async (t) => {
  const pod = '/api/v1/namespaces/a/pods/p';
  for (const [method, target, long] of [
    ['GET', '/api/v1/pods?watch=1', true],
    ['GET', '/api/v1/watch/pods', true],
    ['POST', `${pod}/exec`, true],
    ['GET', `${pod}/attach`, true],
    ['POST', `${pod}/portforward`, true],
    ['GET', `${pod}/log`, true],
    ['GET', `${pod}/proxy/x`, true],
    ['GET', '/debug/pprof/profile?seconds=60', true],
    ['GET', pod, false],
    ['GET', '/api/v1/pods', false],
    ['PUT', `${pod}/status`, false],
    ['GET', '/version', false],
    ['GET', '/x/exec', false],
  ] as const) {
    t.equal(requestInfo(method, target).longRunning, long, `${method} ${target}`);
  }
});
