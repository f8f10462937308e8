/** Who can sign in at the issuer double: the demo's people, their groups and one application. */

export interface Person {
  /** User principal name; also the e-mail address of the plain realm. Absent for an application. */
  upn?: string;
  /** Object id. */
  oid: string;
  name: string;
  /** Object ids. More than 200 become an overage marker, as Entra does. */
  groups: string[];
  /** An application signs in by client_credentials with its object's client id and this secret. */
  app?: { clientId: string; secret: string };
}

export const DEMO_TENANT = '7c0f3a52-1b6e-4c8e-9a55-3d2f0c9e4b10';
/** A public client: the command line tool. */
export const DEMO_CLIENT_ID = 'fairlead';
export const DEMO_GROUPS = {
  viewers: '5f1d9c3e-0a4b-4d0e-8f27-6b1c2e9a7d31',
  admins: 'c2b7e6a4-93d5-4f18-b0cd-18e4f7a2d905',
} as const;

export const DEMO_PEOPLE = {
  alice: {
    upn: 'alice@fairlead.example',
    oid: '0b8f4a1e-6c2d-4e9b-a7f3-51d0c8e2b601',
    name: 'Alice Amsel',
    groups: [] as string[],
  },
  bob: {
    upn: 'bob@fairlead.example',
    oid: '1c9e5b2f-7d3e-4fac-88a4-62e1d9f3c702',
    name: 'Bob Brook',
    groups: [DEMO_GROUPS.viewers] as string[],
  },
  mallory: {
    upn: 'mallory@fairlead.example',
    oid: '2da06c30-8e4f-40bd-99b5-73f2ea04d803',
    name: 'Mallory Marsh',
    groups: [] as string[],
  },
  admin: {
    upn: 'admin@fairlead.example',
    oid: '3eb17d41-9f50-41ce-8ac6-8403fb15e904',
    name: 'Ada Admin',
    groups: [DEMO_GROUPS.admins] as string[],
  },
} as const satisfies Record<string, Person>;
