FROM python:3.11
MAINTAINER somebody
RUN pip install -U pip setuptools wheel
ADD requirements.lock /
RUN pip install -r /requirements.lock
ADD . /code
WORKDIR /code
RUN python setup.py develop
VOLUME ["/data"]
EXPOSE 8888
CMD jupyter notebook --allow-root
