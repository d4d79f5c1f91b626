# escape=`
# steps of the base image, mcr.microsoft.com/windows/nanoserver:10.0.17763.6054:
#   made by: Apply image 10.0.17763.1
#   made by: Install update 10.0.17763.6054
FROM mcr.microsoft.com/windows/nanoserver:10.0.17763.6054
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]
RUN Invoke-WebRequest -Uri https://example.com/a.zip -OutFile a.zip; `
    Expand-Archive a.zip -DestinationPath 'C:\Program Files\a'; `
    Remove-Item -Force a.zip
ENV APP_HOME="C:\Program Files\a" BIN=C:\a
COPY dir:0123456789abcdef C:\app
ENTRYPOINT ["powershell", "C:\\app\\run.ps1"]
