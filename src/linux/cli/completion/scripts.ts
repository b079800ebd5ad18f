// What shells run when the tab key is pressed: each hands the line to `wharf __complete` and shows what comes back.
// They call the program as the user has called it, so that a checkout's ./wharf completes itself.

/** The word that bash completes begins after the last : or = of what we see as the word. */
const BASH = `_wharf() {
  local line word=\${COMP_LINE:0:COMP_POINT} head= breaks=\${COMP_WORDBREAKS//[^:=]/} program=\${COMP_WORDS[0]/#\\~/$HOME} files=
  [[ $word == *[[:space:]] ]] && word= || word=\${word##*[[:space:]]}
  [[ -n $breaks && $word == *[$breaks]* ]] && head=\${word%"\${word##*[$breaks]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) files=1 ;;
      :nospace) compopt -o nospace 2>/dev/null ;;
      *) COMPREPLY+=("\${line#"$head"}") ;;
    esac
  done < <("$program" __complete --line "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  [[ -n $files ]] || return 0
  if ((\${#COMPREPLY[@]} == 0)); then
    compopt -o default 2>/dev/null
  else
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${word#"$head"}")
  fi
}
complete -F _wharf wharf
`;

/** As a file of $fpath it is the function's own body, and completes at once; sourced it only announces itself. */
const ZSH = `#compdef wharf
_wharf() {
  local line files=
  local -a entries options
  for line in "\${(@f)$(\${(Q)\${~words[1]}} __complete --describe -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :files) files=1 ;;
      :nospace) options=(-S '') ;;
      *$'\\t'*) entries+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
      *) entries+=("\${line//:/\\\\:}") ;;
    esac
  done
  local ret=1
  (( \${#entries} )) && _describe -V wharf entries "\${options[@]}" && ret=0
  [[ -n $files ]] && _files && ret=0
  return ret
}
if [[ $funcstack[1] == _wharf ]]; then _wharf "$@"; else compdef _wharf wharf; fi
`;

const FISH = `function __wharf_complete
  set -l words (commandline -opc)
  set -l word (commandline -ct)
  set -l program (string replace -r '^~' $HOME -- $words[1])
  for line in ($program __complete --describe -- $words[2..-1] "$word" 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path "$word"
      case ':nospace'
      case '*'
        echo $line
    end
  end
end
complete -c wharf -e
complete -c wharf -f -a '(__wharf_complete)'
`;

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
