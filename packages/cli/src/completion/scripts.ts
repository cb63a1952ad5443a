/** Completion for each shell. They ask `sovereign __complete`, so that they never fall behind the commands. */
export const completionScripts = {
  bash: `# bash completion for sovereign. Use: source <(sovereign completion bash)
_sovereign() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(sovereign __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *: ]]; then
    compopt -o nospace
  fi
}
complete -o default -o bashdefault -F _sovereign sovereign
`,
  zsh: `#compdef sovereign
# zsh completion for sovereign. Use: source <(sovereign completion zsh)
_sovereign() {
  local -a candidates
  candidates=(\${(f)"$(sovereign __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#candidates} )); then
    compadd -S '' -a candidates
  else
    _files
  fi
}
compdef _sovereign sovereign
`,
} as const;
