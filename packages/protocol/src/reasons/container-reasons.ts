/** Reasons of container engines and networking: images, volumes, networks, ports, links, egress. */
export const containerReasons = {
  'image.invalid': {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    about:
      'The image is neither `host`, nor a root directory, nor an archive that can be unpacked, nor a well-formed name.',
  },
  'image.not-found': {
    code: 'NOT_FOUND',
    retryable: false,
    about: 'No image has that name: here, or in the registry that was asked.',
  },
  'image.pull-failed': {
    code: 'UNAVAILABLE',
    retryable: true,
    about: 'A registry could not be reached, or broke off; what has arrived whole is kept for the next try.',
  },
  'image.denied': {
    code: 'UNAUTHENTICATED',
    retryable: false,
    about: 'A registry refused the credentials, or asks for some.',
  },
  'image.corrupt': {
    code: 'DATA_LOSS',
    retryable: false,
    about: 'Content of an image does not have the digest or the shape that it should; it was not stored.',
  },
  'image.too-large': {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    about:
      'Content of an image is larger than it may be, unpacks to more than it may, or does not fit on the disk.',
  },
  'image.ids-missing': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about:
      'Files of an image belong to users whose ids this host does not let its caller give away; it was not stored.',
  },
  'image.build-failed': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'A step of a Dockerfile failed; nothing of the build is listed.',
  },
  'image.builder-missing': {
    code: 'UNAVAILABLE',
    retryable: false,
    about: 'No program that builds Dockerfiles is installed.',
  },
  'image.in-use': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'A sandbox is made of the image.',
  },
  'engine.unavailable': {
    code: 'UNAVAILABLE',
    retryable: true,
    about: 'The daemon of a container engine does not answer, or went away in the middle of the call.',
  },
  'engine.untrusted': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about:
      'A container engine elsewhere cannot prove who it is: its certificate or its host key is unknown or another. Nothing was sent to it.',
  },
  'engine.failed': {
    code: 'INTERNAL',
    retryable: false,
    about: 'A container engine refused a call or broke off.',
  },
  'volume.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No volume has that name.' },
  'volume.exists': { code: 'ALREADY_EXISTS', retryable: false, about: 'A volume of that name exists.' },
  'volume.in-use': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'The volume is attached to a sandbox, or a process works in it.',
  },
  'network.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No network has that name.' },
  'network.exists': {
    code: 'ALREADY_EXISTS',
    retryable: false,
    about: 'A network of that name exists, or the sandbox is connected to it already.',
  },
  'network.in-use': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'Sandboxes are connected to the network.',
  },
  'network.conflict': {
    code: 'ALREADY_EXISTS',
    retryable: false,
    about: 'The subnet overlaps one that this host uses.',
  },
  'network.failed': {
    code: 'INTERNAL',
    retryable: false,
    about: 'The kernel refused a step of setting a network up; what had been made was removed.',
  },
  'port.taken': {
    code: 'ALREADY_EXISTS',
    retryable: false,
    about: 'Something listens on that address and port already.',
  },
  'port.not-found': {
    code: 'NOT_FOUND',
    retryable: false,
    about: 'That port of the sandbox is not published there.',
  },
  'broker.not-found': {
    code: 'NOT_FOUND',
    retryable: false,
    about: 'No process of that pid exists for links, ports or egress alone.',
  },
  'link.not-found': {
    code: 'NOT_FOUND',
    retryable: false,
    about: 'No link goes from the one sandbox to the other on that port.',
  },
  'link.exists': { code: 'ALREADY_EXISTS', retryable: false, about: 'That link is there already.' },
  'egress.denied': {
    code: 'PERMISSION_DENIED',
    retryable: false,
    about: 'No rule of the sandbox allows the destination.',
  },
} as const;
