import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const tests = ['**/*.test.ts', 'tests/**/*.ts', 'packages/testkit/src/contract/**/*.ts'];

/** Most files are near 100 lines; at 300 one asks whether they are two, at 400 they must become two. */
const manyLines = 300;
const mostLines = 400;

/** @type {import('eslint').Rule.RuleModule} */
const longFile = {
  create: (context) => ({
    Program(node) {
      const { length } = context.sourceCode.lines;
      if (length <= manyLines || length > mostLines) return;
      context.report({ node, message: `${String(length)} lines: look for the second concept in this file.` });
    },
  }),
};

export default defineConfig(
  {
    ignores: [
      '**/dist/',
      'build/',
      'packages/guest/shelld/build/',
      '**/node_modules/',
      '**/coverage/',
      'examples/',
    ],
  },
  {
    files: ['**/*.ts', 'scripts/**/*.mjs', 'eslint.config.js'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.tests.json', tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { sovereign: { rules: { 'long-file': longFile } } },
    rules: {
      'max-lines': ['error', mostLines],
      'sovereign/long-file': 'warn',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^@sovereign/[^/]+/(src|dist)', message: 'Import a package by its name.' }] },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // A contract may ask for a promise where one of those that fulfil it has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: tests,
    rules: {
      'max-lines': 'off',
      'sovereign/long-file': 'off',
      'no-console': 'off',
      // Matchers such as expect.any() are of type any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // JSDoc casts, which the compiler checks, are invisible to these.
    files: ['**/*.mjs'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
);
