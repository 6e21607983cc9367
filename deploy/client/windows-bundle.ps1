# A folder that runs hefu on any Windows 10 or later (64 bit), with nothing installed and no administrator asked:
# Python's own embeddable package, hefu.pyz (make client PLATFORMS=win-amd64) and a hefu.cmd beside them, in one zip.
# Written after python.org's documentation of the embeddable package; it has not been run on Windows yet.
#
#   powershell -ExecutionPolicy Bypass -File windows-bundle.ps1 -Client hefu.pyz -PythonSha256 HASH [-Out hefu-windows.zip]
#
# HASH: the SHA-256 of python-VERSION-embed-amd64.zip, from a source other than the download itself.
param(
    [Parameter(Mandatory)] [string] $Client,
    [Parameter(Mandatory)] [ValidatePattern('^[0-9a-fA-F]{64}$')] [string] $PythonSha256,
    [string] $PythonVersion = '3.13.0',
    [string] $Out = 'hefu-windows.zip'
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Client = (Resolve-Path -LiteralPath $Client).Path
$scratch = Join-Path ([IO.Path]::GetTempPath()) ([IO.Path]::GetRandomFileName())
$bundle = Join-Path $scratch 'hefu'
New-Item -ItemType Directory -Path $bundle | Out-Null
try {
    $name = "python-$PythonVersion-embed-amd64.zip"
    $python = Join-Path $scratch $name
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    Invoke-WebRequest -UseBasicParsing -Uri "https://www.python.org/ftp/python/$PythonVersion/$name" -OutFile $python
    $found = (Get-FileHash -Algorithm SHA256 -LiteralPath $python).Hash
    if ($found -ne $PythonSha256) { throw "$name has the SHA-256 $found, not $PythonSha256" }

    Expand-Archive -LiteralPath $python -DestinationPath (Join-Path $bundle 'python')
    Copy-Item -LiteralPath $Client -Destination (Join-Path $bundle 'hefu.pyz')
    # -I: nothing of the user's other Pythons is imported. Chinese is shown on every code page.
    $lines = '@echo off', '"%~dp0python\python.exe" -I "%~dp0hefu.pyz" %*'
    Set-Content -LiteralPath (Join-Path $bundle 'hefu.cmd') -Value $lines -Encoding ASCII

    & (Join-Path $bundle 'hefu.cmd') --version
    if ($LASTEXITCODE -ne 0) { throw 'the bundle does not start' }
    Compress-Archive -LiteralPath $bundle -DestinationPath $Out -Force
    Get-FileHash -Algorithm SHA256 -LiteralPath $Out
}
finally {
    Remove-Item -LiteralPath $scratch -Recurse -Force
}
