declare const sovereignVersion: string | undefined;

/** Version of this build; the bundler puts it in from package.json. */
export const version: string = typeof sovereignVersion === 'string' ? sovereignVersion : '0.0.0-source';
