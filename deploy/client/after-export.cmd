@echo off
rem For systems that can run a command after an export: after-export.cmd FOLDER EVIDENCE
rem HEFU_HOME names the depositor's home folder. Exit 0: all deposited. 1: some left out. 2 and more: run it again.
if "%~2"=="" (
  echo usage: after-export.cmd FOLDER EVIDENCE 1>&2
  exit /b 2
)
hefu.exe watch "%~1" --out "%~2" --once --wait --json
exit /b %ERRORLEVEL%
